"""Rules that the database itself enforces.

* Only an image that a person labelled when importing it may be assigned to val or test: no
  machine-made class ever gets there.
* A val or test assignment is permanent, and a train image never becomes val or test.
* What was decided, answered, published or read is never changed or removed.
* What a person labelled, or a version holds, is never discarded.
"""

from collections.abc import Iterator

import sqlalchemy as sa

APPEND_ONLY = (
    "label",
    "prediction",
    "decision",
    "decision_evidence",
    "annotation",
    "copy_word",
    "audit",
    "audit_plan",
    "audit_member",
    "version",
    "version_tag",
    "run",
    "champion_decision",
    "test_reading",
    "tombstone",
    "discarded",
    "split_assignment",
    "workspace",
)

MACHINE_MADE_IN_HELD_OUT = "only an image with an imported label may be assigned to val or test"
DISCARDED_THOUGH_HELD = "an image that is labelled or in a version is never discarded"
_HELD = """EXISTS (SELECT 1 FROM label WHERE label.sha256 = NEW.sha256)
              OR EXISTS (SELECT 1 FROM split_assignment AS s WHERE s.sha256 = NEW.sha256)"""


def _append_only_message(table: str) -> str:
    return f"{table} is append-only: its rows are never changed or removed"


def install(connection: sa.Connection) -> None:
    """Create the triggers; nothing happens where they exist."""
    statements = (
        _build_postgresql_triggers()
        if connection.dialect.name == "postgresql"
        else _build_sqlite_triggers()
    )
    for statement in statements:
        connection.execute(sa.text(statement))


def find_missing(connection: sa.Connection) -> list[str]:
    """Find the names of triggers that are missing."""
    if connection.dialect.name == "postgresql":
        found = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
        wanted = [f"{table}_is_append_only" for table in APPEND_ONLY]
    else:
        found = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        events = ("update", "delete")
        wanted = [f"{table}_refuses_{event}" for table in APPEND_ONLY for event in events]
    present = {row[0] for row in connection.exec_driver_sql(found)}
    ours = ["held_out_needs_label", "discarded_is_not_held"]
    return [name for name in [*ours, *wanted] if name not in present]


def _build_sqlite_triggers() -> Iterator[str]:
    yield f"""
        CREATE TRIGGER IF NOT EXISTS held_out_needs_label BEFORE INSERT ON split_assignment
        WHEN NEW.split IN ('val', 'test')
         AND NOT EXISTS (SELECT 1 FROM label WHERE label.sha256 = NEW.sha256)
        BEGIN SELECT RAISE(ABORT, '{MACHINE_MADE_IN_HELD_OUT}'); END"""
    yield f"""
        CREATE TRIGGER IF NOT EXISTS discarded_is_not_held BEFORE INSERT ON discarded
        WHEN {_HELD}
        BEGIN SELECT RAISE(ABORT, '{DISCARDED_THOUGH_HELD}'); END"""
    for table in APPEND_ONLY:
        for event in ("UPDATE", "DELETE"):
            yield f"""
                CREATE TRIGGER IF NOT EXISTS {table}_refuses_{event.lower()}
                BEFORE {event} ON {table}
                BEGIN SELECT RAISE(ABORT, '{_append_only_message(table)}'); END"""


def _build_postgresql_triggers() -> Iterator[str]:
    yield f"""
        CREATE OR REPLACE FUNCTION held_out_needs_label() RETURNS trigger AS $$
        BEGIN
            IF NEW.split IN ('val', 'test')
               AND NOT EXISTS (SELECT 1 FROM label WHERE label.sha256 = NEW.sha256) THEN
                RAISE EXCEPTION '{MACHINE_MADE_IN_HELD_OUT}'
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NEW;
        END $$ LANGUAGE plpgsql"""
    yield """
        CREATE OR REPLACE TRIGGER held_out_needs_label BEFORE INSERT ON split_assignment
        FOR EACH ROW EXECUTE FUNCTION held_out_needs_label()"""
    yield f"""
        CREATE OR REPLACE FUNCTION discarded_is_not_held() RETURNS trigger AS $$
        BEGIN
            IF {_HELD} THEN
                RAISE EXCEPTION '{DISCARDED_THOUGH_HELD}'
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NEW;
        END $$ LANGUAGE plpgsql"""
    yield """
        CREATE OR REPLACE TRIGGER discarded_is_not_held BEFORE INSERT ON discarded
        FOR EACH ROW EXECUTE FUNCTION discarded_is_not_held()"""
    yield """
        CREATE OR REPLACE FUNCTION append_only() RETURNS trigger AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only: its rows are never changed or removed',
                TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
        END $$ LANGUAGE plpgsql"""
    for table in APPEND_ONLY:
        yield f"""
            CREATE OR REPLACE TRIGGER {table}_is_append_only BEFORE UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION append_only()"""
