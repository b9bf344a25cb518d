CREATE TABLE holds (identifier TEXT NOT NULL, repository TEXT NOT NULL, tag TEXT NOT NULL, digest TEXT NOT NULL, pointed TEXT, pusher TEXT NOT NULL, held_at FLOAT NOT NULL, deadline FLOAT NOT NULL, releases INTEGER NOT NULL, policy TEXT NOT NULL, reason TEXT NOT NULL, text TEXT NOT NULL, due INTEGER NOT NULL, asked TEXT NOT NULL, PRIMARY KEY (identifier));
CREATE UNIQUE INDEX holds_by_tag ON holds (repository, tag);
CREATE INDEX holds_due ON holds (due);
CREATE INDEX holds_by_digest ON holds (repository, digest);
CREATE INDEX holds_by_deadline ON holds (deadline);
INSERT INTO holds VALUES ('01A', 'team/app', '1.0', 'sha256:1111111111111111111111111111111111111111111111111111111111111111', NULL, 'ann', 1.0, 2.0, 1, 'hold', 'signature-missing', 'no signature found', 0, '');
