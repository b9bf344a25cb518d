"""The whole table."""

import cases_content
import cases_logs
import cases_times
from attempts import CASES as CASES

TABLES = (cases_content, cases_logs, cases_times)
