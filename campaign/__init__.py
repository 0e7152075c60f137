"""The campaign: long trials of what must never happen.

Kills, disk faults and power cuts at every call of every command that writes, with controls that must fail; altered bytes for every
parser; bad inputs; mixed requests against a real server. Each part can be stopped and goes on; `python -m campaign NAME` runs one and
writes ``benchmarks/results/campaign_NAME.jsonl``.
"""
