"""The contract as a tool: `check` measures any activation, a user's own included, against its own formula.

Needs the extra `testing`: pip install "xact-activations[testing]".
"""

from xact._extras import needs

with needs("xact.testing", "testing"):
    from xact.testing.check import Report as Report
    from xact.testing.check import check as check
