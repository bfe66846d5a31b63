CREATE TABLE fetch_attempt (
	attempt_id BIGSERIAL NOT NULL, 
	provider TEXT NOT NULL, 
	query TEXT NOT NULL, 
	url TEXT NOT NULL, 
	outcome VARCHAR(32) NOT NULL, 
	retryable BOOLEAN NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	status INTEGER NOT NULL, 
	byte_count BIGINT NOT NULL, 
	milliseconds INTEGER NOT NULL, 
	detail TEXT NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (attempt_id)
);

CREATE INDEX fetch_attempt_candidate ON fetch_attempt (provider, query, url);

CREATE TABLE image (
	sha256 VARCHAR(64) NOT NULL, 
	format VARCHAR(8) NOT NULL, 
	width INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	byte_count BIGINT NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (sha256)
);

CREATE TABLE teacher (
	teacher_id VARCHAR(64) NOT NULL, 
	card JSON NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (teacher_id)
);

CREATE TABLE test_reading (
	reading_id BIGSERIAL NOT NULL, 
	run_id VARCHAR(64) NOT NULL, 
	version_hash VARCHAR(64) NOT NULL, 
	purpose TEXT NOT NULL, 
	image_count INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (reading_id)
);

CREATE TABLE tombstone (
	sha256 VARCHAR(64) NOT NULL, 
	reason TEXT NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (sha256)
);

CREATE TABLE version (
	version_hash VARCHAR(64) NOT NULL, 
	parent VARCHAR(64) NOT NULL, 
	image_count INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (version_hash)
);

CREATE TABLE annotation (
	annotation_id BIGSERIAL NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	class_name TEXT NOT NULL, 
	person TEXT NOT NULL, 
	purpose VARCHAR(8) NOT NULL, 
	note TEXT NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (annotation_id), 
	CONSTRAINT purpose_is_known CHECK (purpose in ('review', 'audit')), 
	FOREIGN KEY(sha256) REFERENCES image (sha256)
);

CREATE INDEX annotation_image ON annotation (sha256, annotation_id);

CREATE TABLE audit (
	teacher_id VARCHAR(64) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	accepted_as TEXT NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (teacher_id, sha256), 
	FOREIGN KEY(teacher_id) REFERENCES teacher (teacher_id), 
	FOREIGN KEY(sha256) REFERENCES image (sha256)
);

CREATE TABLE comparison (
	first VARCHAR(64) NOT NULL, 
	second VARCHAR(64) NOT NULL, 
	method VARCHAR(16) NOT NULL, 
	points INTEGER NOT NULL, 
	share FLOAT NOT NULL, 
	correlation FLOAT NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (first, second, method), 
	CONSTRAINT comparison_is_ordered CHECK (first < second), 
	FOREIGN KEY(first) REFERENCES image (sha256), 
	FOREIGN KEY(second) REFERENCES image (sha256)
);

CREATE TABLE copy_word (
	word_id BIGSERIAL NOT NULL, 
	first VARCHAR(64) NOT NULL, 
	second VARCHAR(64) NOT NULL, 
	says VARCHAR(16) NOT NULL, 
	person TEXT NOT NULL, 
	note TEXT NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (word_id), 
	CONSTRAINT copy_word_is_ordered CHECK (first < second), 
	CONSTRAINT copy_word_is_known CHECK (says in ('same', 'not the same')), 
	FOREIGN KEY(first) REFERENCES image (sha256), 
	FOREIGN KEY(second) REFERENCES image (sha256)
);

CREATE INDEX copy_word_pair ON copy_word (first, second, word_id);

CREATE TABLE decision (
	decision_id BIGSERIAL NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	teacher_id VARCHAR(64) NOT NULL, 
	policy TEXT NOT NULL, 
	verdict VARCHAR(8) NOT NULL, 
	class_name TEXT NOT NULL, 
	confidence FLOAT NOT NULL, 
	reason VARCHAR(32) NOT NULL, 
	detail TEXT NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (decision_id), 
	CONSTRAINT verdict_is_known CHECK (verdict in ('accepted', 'review', 'rejected')), 
	FOREIGN KEY(sha256) REFERENCES image (sha256), 
	FOREIGN KEY(teacher_id) REFERENCES teacher (teacher_id)
);

CREATE INDEX decision_image ON decision (sha256, decision_id);

CREATE TABLE discarded (
	sha256 VARCHAR(64) NOT NULL, 
	reason TEXT NOT NULL, 
	byte_count BIGINT NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (sha256), 
	FOREIGN KEY(sha256) REFERENCES image (sha256)
);

CREATE TABLE group_link (
	first VARCHAR(64) NOT NULL, 
	second VARCHAR(64) NOT NULL, 
	method VARCHAR(16) NOT NULL, 
	distance FLOAT NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (first, second, method), 
	CONSTRAINT group_link_is_ordered CHECK (first < second), 
	FOREIGN KEY(first) REFERENCES image (sha256), 
	FOREIGN KEY(second) REFERENCES image (sha256)
);

CREATE TABLE group_member (
	sha256 VARCHAR(64) NOT NULL, 
	group_id VARCHAR(64) NOT NULL, 
	method VARCHAR(16) NOT NULL, 
	distance FLOAT NOT NULL, 
	PRIMARY KEY (sha256), 
	FOREIGN KEY(sha256) REFERENCES image (sha256)
);

CREATE INDEX ix_group_member_group_id ON group_member (group_id);

CREATE TABLE image_hash (
	sha256 VARCHAR(64) NOT NULL, 
	kind VARCHAR(8) NOT NULL, 
	orientations BYTEA NOT NULL, 
	PRIMARY KEY (sha256, kind), 
	FOREIGN KEY(sha256) REFERENCES image (sha256)
);

CREATE TABLE label (
	sha256 VARCHAR(64) NOT NULL, 
	class_name TEXT NOT NULL, 
	path TEXT NOT NULL, 
	given_split VARCHAR(8) NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (sha256, class_name, path), 
	FOREIGN KEY(sha256) REFERENCES image (sha256)
);

CREATE TABLE prediction (
	teacher_id VARCHAR(64) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	class_name TEXT NOT NULL, 
	confidence FLOAT NOT NULL, 
	probabilities JSON NOT NULL, 
	gate_distance FLOAT NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (teacher_id, sha256), 
	FOREIGN KEY(teacher_id) REFERENCES teacher (teacher_id), 
	FOREIGN KEY(sha256) REFERENCES image (sha256)
);

CREATE TABLE question (
	sha256 VARCHAR(64) NOT NULL, 
	rank INTEGER NOT NULL, 
	PRIMARY KEY (sha256), 
	FOREIGN KEY(sha256) REFERENCES image (sha256)
);

CREATE TABLE run (
	run_id VARCHAR(64) NOT NULL, 
	version_hash VARCHAR(64) NOT NULL, 
	model TEXT NOT NULL, 
	arm VARCHAR(16) NOT NULL, 
	seed INTEGER NOT NULL, 
	metrics JSON NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (run_id), 
	FOREIGN KEY(version_hash) REFERENCES version (version_hash)
);

CREATE TABLE source (
	sha256 VARCHAR(64) NOT NULL, 
	provider TEXT NOT NULL, 
	query TEXT NOT NULL, 
	url TEXT NOT NULL, 
	page_url TEXT NOT NULL, 
	licence TEXT NOT NULL, 
	licence_url TEXT NOT NULL, 
	creator TEXT NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (sha256, provider, query, url), 
	FOREIGN KEY(sha256) REFERENCES image (sha256)
);

CREATE TABLE split_assignment (
	sha256 VARCHAR(64) NOT NULL, 
	split VARCHAR(8) NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (sha256), 
	CONSTRAINT split_is_known CHECK (split in ('train', 'val', 'test')), 
	FOREIGN KEY(sha256) REFERENCES image (sha256)
);

CREATE TABLE version_tag (
	number INTEGER NOT NULL, 
	tag VARCHAR(16) NOT NULL, 
	version_hash VARCHAR(64) NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (number), 
	UNIQUE (tag), 
	FOREIGN KEY(version_hash) REFERENCES version (version_hash)
);

CREATE TABLE champion_decision (
	decision_id BIGSERIAL NOT NULL, 
	run_id VARCHAR(64) NOT NULL, 
	verdict VARCHAR(16) NOT NULL, 
	challenger VARCHAR(64) NOT NULL, 
	reason TEXT NOT NULL, 
	evidence JSON NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (decision_id), 
	CONSTRAINT champion_verdict_is_known CHECK (verdict in ('promoted', 'undecided', 'kept', 'rolled back', 'by hand')), 
	FOREIGN KEY(run_id) REFERENCES run (run_id)
);

CREATE TABLE decision_evidence (
	decision_id BIGINT NOT NULL, 
	facts JSON NOT NULL, 
	PRIMARY KEY (decision_id), 
	FOREIGN KEY(decision_id) REFERENCES decision (decision_id)
);

CREATE OR REPLACE FUNCTION held_out_needs_label() RETURNS trigger AS $$
        BEGIN
            IF NEW.split IN ('val', 'test')
               AND NOT EXISTS (SELECT 1 FROM label WHERE label.sha256 = NEW.sha256) THEN
                RAISE EXCEPTION 'only an image with an imported label may be assigned to val or test'
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NEW;
        END $$ LANGUAGE plpgsql;

CREATE OR REPLACE TRIGGER held_out_needs_label BEFORE INSERT ON split_assignment
        FOR EACH ROW EXECUTE FUNCTION held_out_needs_label();

CREATE OR REPLACE FUNCTION discarded_is_not_held() RETURNS trigger AS $$
        BEGIN
            IF EXISTS (SELECT 1 FROM label WHERE label.sha256 = NEW.sha256)
              OR EXISTS (SELECT 1 FROM split_assignment AS s WHERE s.sha256 = NEW.sha256) THEN
                RAISE EXCEPTION 'an image that is labelled or in a version is never discarded'
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NEW;
        END $$ LANGUAGE plpgsql;

CREATE OR REPLACE TRIGGER discarded_is_not_held BEFORE INSERT ON discarded
        FOR EACH ROW EXECUTE FUNCTION discarded_is_not_held();

CREATE OR REPLACE FUNCTION append_only() RETURNS trigger AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only: its rows are never changed or removed',
                TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
        END $$ LANGUAGE plpgsql;

CREATE OR REPLACE TRIGGER label_is_append_only BEFORE UPDATE OR DELETE ON label
            FOR EACH ROW EXECUTE FUNCTION append_only();

CREATE OR REPLACE TRIGGER prediction_is_append_only BEFORE UPDATE OR DELETE ON prediction
            FOR EACH ROW EXECUTE FUNCTION append_only();

CREATE OR REPLACE TRIGGER decision_is_append_only BEFORE UPDATE OR DELETE ON decision
            FOR EACH ROW EXECUTE FUNCTION append_only();

CREATE OR REPLACE TRIGGER decision_evidence_is_append_only BEFORE UPDATE OR DELETE ON decision_evidence
            FOR EACH ROW EXECUTE FUNCTION append_only();

CREATE OR REPLACE TRIGGER annotation_is_append_only BEFORE UPDATE OR DELETE ON annotation
            FOR EACH ROW EXECUTE FUNCTION append_only();

CREATE OR REPLACE TRIGGER copy_word_is_append_only BEFORE UPDATE OR DELETE ON copy_word
            FOR EACH ROW EXECUTE FUNCTION append_only();

CREATE OR REPLACE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE ON audit
            FOR EACH ROW EXECUTE FUNCTION append_only();

CREATE OR REPLACE TRIGGER version_is_append_only BEFORE UPDATE OR DELETE ON version
            FOR EACH ROW EXECUTE FUNCTION append_only();

CREATE OR REPLACE TRIGGER version_tag_is_append_only BEFORE UPDATE OR DELETE ON version_tag
            FOR EACH ROW EXECUTE FUNCTION append_only();

CREATE OR REPLACE TRIGGER run_is_append_only BEFORE UPDATE OR DELETE ON run
            FOR EACH ROW EXECUTE FUNCTION append_only();

CREATE OR REPLACE TRIGGER champion_decision_is_append_only BEFORE UPDATE OR DELETE ON champion_decision
            FOR EACH ROW EXECUTE FUNCTION append_only();

CREATE OR REPLACE TRIGGER test_reading_is_append_only BEFORE UPDATE OR DELETE ON test_reading
            FOR EACH ROW EXECUTE FUNCTION append_only();

CREATE OR REPLACE TRIGGER tombstone_is_append_only BEFORE UPDATE OR DELETE ON tombstone
            FOR EACH ROW EXECUTE FUNCTION append_only();

CREATE OR REPLACE TRIGGER discarded_is_append_only BEFORE UPDATE OR DELETE ON discarded
            FOR EACH ROW EXECUTE FUNCTION append_only();

CREATE OR REPLACE TRIGGER split_assignment_is_append_only BEFORE UPDATE OR DELETE ON split_assignment
            FOR EACH ROW EXECUTE FUNCTION append_only();
