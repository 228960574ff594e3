"""As vLLM names them."""


class VLLMClientError(Exception):
    """The caller's fault."""


class VLLMValidationError(VLLMClientError):
    """A question that cannot be asked."""
