"""Trackers of the figures of a training: MLflow, TensorBoard, or a tracker of one's own."""
