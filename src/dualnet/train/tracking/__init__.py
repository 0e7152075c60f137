"""Where else the figures of a training go: MLflow, TensorBoard, or a tracker of one's own."""
