-- The tables as the first sealgate made them; `schema_version` is filled by the test.
CREATE TABLE schema_version (version INTEGER NOT NULL, PRIMARY KEY (version));
CREATE TABLE manifests (id INTEGER NOT NULL, repository TEXT NOT NULL, digest TEXT NOT NULL, recorded_at FLOAT NOT NULL, admitted INTEGER NOT NULL, PRIMARY KEY (id));
CREATE UNIQUE INDEX manifests_by_digest ON manifests (repository, digest);
CREATE TABLE decisions ("key" TEXT NOT NULL, repository TEXT NOT NULL, digest TEXT NOT NULL, outcome TEXT NOT NULL, body TEXT NOT NULL, valid_until FLOAT NOT NULL, PRIMARY KEY ("key"));
CREATE INDEX decisions_by_end ON decisions (valid_until);
CREATE INDEX decisions_by_digest ON decisions (repository, digest);
CREATE TABLE secret (value BLOB NOT NULL, PRIMARY KEY (value));
CREATE TABLE lists_blob (repository TEXT NOT NULL, digest TEXT NOT NULL, manifest INTEGER NOT NULL, PRIMARY KEY (repository, digest, manifest), FOREIGN KEY(manifest) REFERENCES manifests (id)) WITHOUT ROWID;
CREATE TABLE lists_child (repository TEXT NOT NULL, digest TEXT NOT NULL, manifest INTEGER NOT NULL, PRIMARY KEY (repository, digest, manifest), FOREIGN KEY(manifest) REFERENCES manifests (id)) WITHOUT ROWID;
INSERT INTO secret VALUES (x'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');
INSERT INTO manifests VALUES (1, 'team/app', 'sha256:1111111111111111111111111111111111111111111111111111111111111111', 1.0, 0);
INSERT INTO lists_blob VALUES ('team/app', 'sha256:2222222222222222222222222222222222222222222222222222222222222222', 1);
