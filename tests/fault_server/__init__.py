"""A chat server on loopback that speaks OpenAI's protocol, and misbehaves on request.

`python -m tests.fault_server` runs it; `tests.fault_server.client` starts and steers it.
"""
