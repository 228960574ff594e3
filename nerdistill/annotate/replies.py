"""The reply store: every raw reply that was ever paid for, in one SQLite file.

Replies are kept by the key of their request and are never changed. Failures have no place here.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import contextmanager
from itertools import batched, chain
from typing import TYPE_CHECKING, Literal, Self, cast
