-- run once, when the volume of the database is empty; put your own tables here
CREATE TABLE papers (
    paper_id text PRIMARY KEY,
    title text NOT NULL,
    abstract text NOT NULL
);
CREATE TABLE readings (
    reader_id text NOT NULL,
    paper_id text NOT NULL REFERENCES papers,
    read_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (reader_id, paper_id)
);
