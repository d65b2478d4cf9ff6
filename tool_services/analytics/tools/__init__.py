"""The tools of the analytics service, a module each."""

from __future__ import annotations

from tool_services.analytics.tools.generate_performance_report import generate_performance_report
from tool_services.analytics.tools.get_listing_metrics import get_listing_metrics
from tool_services.analytics.tools.get_market_analysis import get_market_analysis

TOOLS = (get_listing_metrics, get_market_analysis, generate_performance_report)
