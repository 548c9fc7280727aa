"""What an exception says, for a person: never nothing, and no name twice."""


def reason(error: BaseException) -> str:
    """The kind of the error and what it tells, on which many tell nothing, such as a time-out."""
    name, told = type(error).__name__, str(error).strip()
    if not told:
        return name
    return told if told.startswith(name) else f"{name}: {told}"
