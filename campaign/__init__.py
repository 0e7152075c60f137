"""The campaign: kills, disk faults and power cuts at every call of every command that writes, with controls that must fail.

Long and resumable; `python -m campaign NAME` runs a part and writes ``benchmarks/results/campaign_NAME.jsonl``.
"""
