CREATE TABLE carriers (id INTEGER NOT NULL, repository TEXT NOT NULL, subject TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (id));
CREATE UNIQUE INDEX carriers_by_subject ON carriers (repository, subject, digest);
