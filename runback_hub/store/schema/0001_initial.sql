-- Moments are whole microseconds since 1970-01-01 UTC, so that they are exact and sort as numbers.
-- Rows here are fat (bodies, statuses), so the tables keep their rowid: a late insert then moves
-- short index entries, never bodies. Only `meta` is small enough to be its own index.

PRAGMA application_id = 1382172738; -- "RbHB": a SQLite file of another program is refused

CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The highest outbox id whose row is gone; ids are never used again.
INSERT INTO meta (key, value) VALUES ('last_outbox_id', 0);

CREATE TABLE inputs (
  athlete TEXT NOT NULL,
  event_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  at_us INTEGER NOT NULL,
  ord INTEGER NOT NULL,
  arrived_at_us INTEGER NOT NULL,
  body TEXT NOT NULL,
  content_key TEXT,
  historical INTEGER NOT NULL CHECK (historical IN (0, 1)),
  UNIQUE (athlete, event_id)
) STRICT;

CREATE INDEX inputs_in_order ON inputs (athlete, at_us, ord, event_id);
CREATE INDEX inputs_by_content ON inputs (content_key, athlete, arrived_at_us, event_id)
  WHERE content_key IS NOT NULL;

CREATE TABLE rejected (
  id INTEGER PRIMARY KEY,
  topic TEXT NOT NULL,
  athlete TEXT,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  arrived_at_us INTEGER NOT NULL,
  payload_sha256 TEXT NOT NULL,
  excerpt TEXT
) STRICT;

CREATE TABLE athletes (
  athlete TEXT PRIMARY KEY NOT NULL,
  version INTEGER NOT NULL,
  assessed_at_us INTEGER NOT NULL,
  review_at_us INTEGER,
  status TEXT NOT NULL
) STRICT;

CREATE INDEX athletes_by_review ON athletes (review_at_us, athlete) WHERE review_at_us IS NOT NULL;

CREATE TABLE snapshots (
  athlete TEXT NOT NULL,
  at_us INTEGER NOT NULL,
  fingerprint TEXT NOT NULL,
  state TEXT NOT NULL,
  PRIMARY KEY (athlete, at_us, fingerprint)
) STRICT;

CREATE TABLE outbox (
  row_id INTEGER PRIMARY KEY,
  topic TEXT NOT NULL,
  payload BLOB NOT NULL,
  retain INTEGER NOT NULL CHECK (retain IN (0, 1)),
  athlete TEXT,
  correlation BLOB
) STRICT;

CREATE TABLE retained (
  topic TEXT PRIMARY KEY NOT NULL,
  payload_sha256 TEXT NOT NULL
) STRICT;
