"""One kind of content column a file: fitted on training rows, applied with NumPy and SciPy alone where no picture or sentence model is read."""
