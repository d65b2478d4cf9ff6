"""The tools of the analytics service, a module each."""

from __future__ import annotations

from tool_services.analytics.tools.generate_performance_report import GENERATE_PERFORMANCE_REPORT
from tool_services.analytics.tools.get_listing_metrics import GET_LISTING_METRICS
from tool_services.analytics.tools.get_market_analysis import GET_MARKET_ANALYSIS

TOOLS = (GET_LISTING_METRICS, GET_MARKET_ANALYSIS, GENERATE_PERFORMANCE_REPORT)
