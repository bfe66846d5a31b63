"""Export models to ONNX and int8."""
