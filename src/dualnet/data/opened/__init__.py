"""Folders of Parquet parts, local or in object storage, read part by part: data sets that are larger than memory."""
