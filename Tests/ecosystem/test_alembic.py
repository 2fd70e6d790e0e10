"""Alembic: comparison of a database with models, upgrades and downgrades."""

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql as pg

ENVIRONMENT = """
from alembic import context
from sqlalchemy import create_engine

engine = create_engine(context.config.get_main_option("sqlalchemy.url"))
with engine.connect() as connection:
    context.configure(
        connection=connection, target_metadata=context.config.attributes["metadata"], compare_server_default=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
"""

TEMPLATE = '''
"""${message}"""
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}

def upgrade():
    ${upgrades if upgrades else "pass"}

def downgrade():
    ${downgrades if downgrades else "pass"}
'''


def first():
    metadata = sa.MetaData()
    sa.Table("author", metadata, sa.Column("id", sa.Integer, primary_key=True),
             sa.Column("name", sa.String(20), nullable=False, server_default="nobody"))
    return metadata


def second():
    metadata = sa.MetaData()
    sa.Table("author", metadata, sa.Column("id", sa.Integer, primary_key=True),
             sa.Column("name", sa.String(50), nullable=False, server_default="somebody"),
             sa.Column("born", sa.Date, index=True), comment="100% people")
    sa.Table("book", metadata, sa.Column("id", sa.Uuid, primary_key=True),
             sa.Column("author", sa.ForeignKey("author.id", ondelete="CASCADE")),
             sa.Column("facts", pg.JSONB, server_default=sa.text("'{}'::jsonb")),
             sa.Column("words", pg.ARRAY(sa.Text)), sa.Column("shelf", pg.INT4RANGE),
             sa.UniqueConstraint("author", "shelf", name="one_place"))
    return metadata


@pytest.fixture
def database(make_database):
    return make_database()


@pytest.fixture
def config(tmp_path, database):
    (tmp_path / "versions").mkdir()
    (tmp_path / "env.py").write_text(ENVIRONMENT)
    (tmp_path / "script.py.mako").write_text(TEMPLATE)
    config = Config()
    config.set_main_option("script_location", str(tmp_path))
    config.set_main_option("sqlalchemy.url", database.sqlalchemy)
    return config


def differences(database, metadata):
    engine = sa.create_engine(database.sqlalchemy)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        found = compare_metadata(context, metadata)
    engine.dispose()
    return found


def test_revisions_are_generated_and_run_up_and_down(config, database):
    for message, metadata in (("first", first()), ("second", second())):
        config.attributes["metadata"] = metadata
        assert differences(database, metadata)
        command.revision(config, message, autogenerate=True)
        command.upgrade(config, "head")
        assert differences(database, metadata) == []
    head = ScriptDirectory.from_config(config).get_current_head()
    assert database.ask("SELECT version_num FROM alembic_version") == [(head,)]
    database.ask("INSERT INTO author (id) VALUES (1)")
    assert database.ask("SELECT name FROM author") == [("somebody",)]
    command.downgrade(config, "-1")
    assert differences(database, first()) == []
    command.downgrade(config, "base")
    assert database.ask("SELECT to_regclass('author'), count(*) FROM alembic_version") == [(None, 0)]


def test_a_failed_upgrade_leaves_nothing(config, database):
    config.attributes["metadata"] = first()
    path = command.revision(config, "broken").path
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace("pass", 'op.execute("CREATE TABLE half (a int)"); op.execute("SELECT no_such")', 1))
    with pytest.raises(sa.exc.ProgrammingError):
        command.upgrade(config, "head")
    assert database.ask("SELECT to_regclass('half')") == [(None,)]
