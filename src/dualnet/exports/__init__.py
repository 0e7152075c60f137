"""Vectors out of the library: files, vector stores, and encoders as ONNX graphs."""
