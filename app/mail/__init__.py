"""Mails about accounts: written from templates, queued in the database, sent one by one."""
