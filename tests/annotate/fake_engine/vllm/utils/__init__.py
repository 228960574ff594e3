"""As vLLM names it."""
