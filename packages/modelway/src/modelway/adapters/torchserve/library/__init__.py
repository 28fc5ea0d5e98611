"""Code that handlers of TorchServe import as `ts`, found through `sys.path` where TorchServe is not installed."""
