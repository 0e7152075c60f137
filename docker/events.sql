SELECT reader_id AS user_id, paper_id AS item_id, read_at FROM readings
