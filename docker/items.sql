SELECT paper_id AS item_id, title, abstract FROM papers
