"""What an operator does with a whole deployment: makes it, takes it down, restores it.

Reads one settings file and the stacks themselves; keeps no state of its own, so a run that was
interrupted is given again. Trusts the credentials it is started with and the checkout it lies in; it
sees no secret of the service. Changes nothing before it was shown and agreed to.
"""


class Refused(Exception):
    """Something a person has to decide or mend first. The text says what."""
