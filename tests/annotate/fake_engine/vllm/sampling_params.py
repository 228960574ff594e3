"""What a reply must look like."""


class StructuredOutputsParams:
    """One of these is given."""

    def __init__(self, *, json: str | None = None, json_object: bool | None = None) -> None:
        self.told = json or json_object
