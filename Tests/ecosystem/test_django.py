"""A Django application on the driver: a selection of what Django's own test suite covers."""

import datetime
import io
import re
import threading
import uuid
from decimal import Decimal

import psycopg2.errors
import psycopg2.extensions
import pytest
from psycopg2.extras import DateTimeTZRange, NumericRange


@pytest.fixture(scope="module")
def django(make_database):
    """Django, set up with two connections to one database: `default`, and `strict`, which is SERIALIZABLE."""
    import django
    from django.conf import settings

    database = make_database()
    usual = {"ENGINE": "django.db.backends.postgresql", "HOST": database.host, "PORT": database.port,
             "NAME": database.name, "USER": database.user, "CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
    settings.configure(
        DATABASES={
            "default": {**usual, "OPTIONS": {"application_name": "django-default"}},
            "strict": {**usual, "OPTIONS": {
                "application_name": "django-strict",
                "isolation_level": psycopg2.extensions.ISOLATION_LEVEL_SERIALIZABLE}}},
        INSTALLED_APPS=["django.contrib.postgres", "shop"], USE_TZ=True, TIME_ZONE="Europe/Berlin",
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField")
    django.setup()
    django.database = database
    yield django
    django.db.connections.close_all()


@pytest.fixture
def models(django):
    """The migrated application's models, without rows."""
    from django.core.management import call_command
    from shop import models

    call_command("migrate", verbosity=0)
    models.Item.objects.all().delete()
    models.Customer.objects.all().delete()
    return models


def in_a_thread(work):
    """Calls in another thread, which for Django has connections of its own; returns the result."""
    from django.db import connections
    results = []

    def run():
        try:
            results.append(work())
        except Exception as error:
            results.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    return results[0]


def test_the_backend_is_psycopg2(django):
    from django.db.backends.postgresql import psycopg_any
    assert not psycopg_any.is_psycopg3
    with django.db.connection.cursor() as cursor:
        assert isinstance(cursor.cursor, psycopg2.extensions.cursor)


def test_migrations_go_forth_and_back(models, django):
    from django.core.management import call_command
    assert django.database.ask("SELECT count(*) FROM django_migrations WHERE app = 'shop'") == [(2,)]
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
    call_command("migrate", "shop", "0001", verbosity=0)
    assert django.database.ask("SELECT count(*) FROM pg_constraint WHERE conname = 'item_seats'") == [(0,)]
    call_command("migrate", "shop", verbosity=0)
    assert models.Customer.objects.get().name == "the first"
    assert django.database.ask("SELECT count(*) FROM pg_constraint WHERE conname = 'item_seats'") == [(1,)]
    call_command("migrate", "shop", "zero", verbosity=0)
    assert django.database.ask("SELECT to_regclass('shop_item')") == [(None,)]


def test_every_field_comes_back_as_it_went(models):
    utc = datetime.timezone.utc
    values = dict(
        customer=models.Customer.objects.create(name="Käthe"), price=Decimal("12345678.9012"), weight=0.1,
        tags=[["a", 'b"\\'], ["{}", "NULL"]], details={"a": [1, None, {"ß": "\\u"}], "%s": "%(x)s"},
        attributes={"k'": "v\\", "none": None}, seats=NumericRange(1, 5),
        rented=DateTimeTZRange(datetime.datetime(2024, 2, 29, tzinfo=utc), None), picture=b"\x00'\\\xff",
        took=datetime.timedelta(days=-3, microseconds=1), address="2001:db8::1", day=datetime.date(1, 1, 1),
        clock=datetime.time(23, 59, 59, 999999), good=False)
    item = models.Item.objects.create(**values)
    again = models.Item.objects.select_related("customer").get(pk=item.pk)
    for name, value in values.items():
        seen = getattr(again, name)
        assert (bytes(seen) if name == "picture" else seen) == value, name
    assert again.customer.joined.tzinfo is not None and isinstance(again.pk, uuid.UUID)
    empty = models.Item.objects.create()
    assert models.Item.objects.values_list("tags", "details", "weight", "seats").get(pk=empty.pk) == ([], None, None,
                                                                                                    None)


def test_lookups_of_postgres(models):
    from django.contrib.postgres.aggregates import ArrayAgg, JSONBAgg
    from django.contrib.postgres.search import SearchVector
    from django.db.models import Count, F, Value

    one = models.Item.objects.create(tags=[["x", "y"]], details={"a": {"b": 7}}, attributes={"k": "v"},
                                     seats=NumericRange(1, 5), day="2024-05-17")
    two = models.Item.objects.create(tags=[["z", "z"]], details={"a": [1]}, seats=NumericRange(5, 9), price=2)
    items = models.Item.objects
    for found in (items.filter(tags__contains=[["x", "y"]]), items.filter(details__a__b=7),
                  items.filter(details__a__b__in=[6, 7]), items.filter(attributes__has_key="k"),
                  items.filter(attributes__k="v"), items.filter(seats__contains=3),
                  items.filter(seats__overlap=NumericRange(0, 2)), items.filter(day__week_day=6),
                  items.filter(pk__in=[one.pk, uuid.uuid4()]), items.filter(details__contains={"a": {"b": 7}})):
        assert list(found) == [one], str(found.query)
    summary = items.aggregate(Count("pk"), tags=ArrayAgg("tags"), all=JSONBAgg("details__a"))
    assert summary["pk__count"] == 2 and sorted(summary["tags"]) == [[["x", "y"]], [["z", "z"]]]
    assert {"b": 7} in summary["all"] and [1] in summary["all"]
    assert items.annotate(s=SearchVector(Value("fat cats"))).filter(s="cat").count() == 2
    assert models.Item.objects.filter(pk=two.pk).update(price=F("price") * Decimal("1.5")) == 1
    two.refresh_from_db()
    assert two.price == Decimal("3.0000")


def test_bulk_writes(models):
    customers = models.Customer.objects.bulk_create(
        [models.Customer(name=f"{number}%") for number in range(500)], batch_size=200)
    assert all(customer.pk for customer in customers)
    for customer in customers:
        customer.visits = customer.pk
    assert models.Customer.objects.bulk_update(customers, ["visits"], batch_size=100) == 500
    again = models.Customer.objects.bulk_create(
        [models.Customer(name="7%", visits=70)], update_conflicts=True, unique_fields=["name"],
        update_fields=["visits"])
    assert models.Customer.objects.get(name="7%").visits == 70 and len(again) == 1
    assert models.Customer.objects.in_bulk(["8%"], field_name="name")["8%"].visits == customers[8].pk


def test_savepoints(models):
    from django.db import IntegrityError, transaction
    with transaction.atomic():
        models.Customer.objects.create(name="kept")
        with pytest.raises(IntegrityError) as caught, transaction.atomic():
            models.Customer.objects.create(name="undone")
            models.Customer.objects.create(name="kept")
        assert not transaction.get_connection().needs_rollback
        mark = transaction.savepoint()
        models.Customer.objects.create(name="undone too")
        transaction.savepoint_rollback(mark)
    assert [customer.name for customer in models.Customer.objects.all()] == ["kept"]
    cause = caught.value.__cause__
    assert type(cause) is psycopg2.errors.UniqueViolation and cause.diag.table_name == "shop_customer"
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        models.Customer.objects.all().delete()
        raise ZeroDivisionError
    assert models.Customer.objects.count() == 1


def test_on_commit_and_deferred_constraints(models):
    from django.db import IntegrityError, transaction
    told = []
    with transaction.atomic():
        transaction.on_commit(lambda: told.append(1))
        models.Item.objects.create(customer_id=None)
        assert told == []
    assert told == [1]
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        models.Item.objects.create(customer_id=-1)
    assert type(caught.value.__cause__) is psycopg2.errors.ForeignKeyViolation


def test_rows_are_locked(models):
    from django.db import OperationalError, transaction
    models.Customer.objects.bulk_create([models.Customer(name=name) for name in "ab"])

    def others_see(**options):
        with transaction.atomic():
            return [one.name for one in models.Customer.objects.select_for_update(**options).order_by("name")]

    with transaction.atomic():
        assert models.Customer.objects.select_for_update(of=("self",)).get(name="a").name == "a"
        assert in_a_thread(lambda: others_see(skip_locked=True)) == ["b"]
        error = in_a_thread(lambda: others_see(nowait=True))
    assert isinstance(error, OperationalError) and type(error.__cause__) is psycopg2.errors.LockNotAvailable
    assert in_a_thread(lambda: others_see(nowait=True)) == ["a", "b"]


def test_an_iterator_is_a_cursor_of_the_server(models, django):
    from django.db import connection
    models.Customer.objects.bulk_create([models.Customer(name=str(number)) for number in range(300)])
    rows = models.Customer.objects.order_by("pk").iterator(chunk_size=50)
    assert next(rows).name == "0"
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, is_holdable FROM pg_cursors")
        [(name, holdable)] = cursor.fetchall()
    assert name.startswith("_django_curs_") and holdable
    assert [one.name for one in rows] == [str(number) for number in range(1, 300)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_cursors")
        assert cursor.fetchone() == (0,)


def test_inspectdb_describes_the_tables(models):
    from django.core.management import call_command
    from django.db import connection
    text = io.StringIO()
    call_command("inspectdb", stdout=text)
    source = text.getvalue()
    compile(source, "inspected", "exec")
    assert "class ShopItem(" in source and re.search(r"customer = models.ForeignKey\('?ShopCustomer", source)
    assert "picture = models.BinaryField()" in source and "models.DecimalField(max_digits=12" in source
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, "shop_item")
    assert constraints["item_details"]["type"] == "gin"


def test_a_session_that_died_is_replaced(models, django):
    from django.db import OperationalError, close_old_connections, connection
    assert models.Customer.objects.count() == 0
    assert django.database.end_sessions("django-default") >= 1
    with pytest.raises(OperationalError):
        models.Customer.objects.count()
    close_old_connections()
    assert models.Customer.objects.count() == 0
    # At the next request the health check replaces it silently.
    django.database.end_sessions("django-default")
    connection.health_check_done = False
    assert models.Customer.objects.count() == 0


def test_two_serializable_transactions_that_met(models):
    from django.db import OperationalError, transaction
    models.Customer.objects.bulk_create([models.Customer(name=name) for name in "ab"])

    def swap(source, target):
        models.Customer.objects.using("strict").filter(name=target).update(
            visits=models.Customer.objects.using("strict").get(name=source).visits + 1)

    with pytest.raises(OperationalError) as caught, transaction.atomic(using="strict"):
        swap("a", "b")

        def other():
            with transaction.atomic(using="strict"):
                swap("b", "a")

        assert in_a_thread(other) is None
    assert type(caught.value.__cause__) is psycopg2.errors.SerializationFailure


def test_raw_sql(models, django):
    from django.db import connection
    models.Customer.objects.create(name="a")
    assert [row.name for row in models.Customer.objects.raw("SELECT * FROM shop_customer WHERE name = %s", ["a"])] == [
        "a"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s, '%%', %s", [["x"], None])
        assert cursor.fetchone() == (["x"], "%", None)
        cursor.execute("SELECT 1 AS one")
        assert [column.name for column in cursor.description] == ["one"] and cursor.rowcount == 1
        cursor.execute("SELECT 1 WHERE 'a%' LIKE 'a%'")
        cursor.executemany("INSERT INTO shop_customer (name, joined, visits) VALUES (%s, now(), 0)", [["b"], ["c"]])
        cursor.copy_expert("COPY shop_customer (name) TO STDOUT", text := io.StringIO())
        assert text.getvalue() == "a\nb\nc\n"
        assert cursor.callproc("upper", ["x"]) and cursor.fetchall() == [("X",)]
        assert cursor.mogrify("%s", [datetime.date(2024, 1, 2)]) == b"'2024-01-02'::date"
    with connection.chunked_cursor() as cursor:
        cursor.execute("SELECT generate_series(1, 5)")
        assert cursor.fetchmany(2) == [(1,), (2,)]
    with connection.execute_wrapper(lambda execute, sql, *rest: execute(sql.replace("1", "2"), *rest)):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (2,)


def test_the_session_is_set_up(django):
    from django.db import connection, connections, transaction
    with connection.cursor() as cursor:
        cursor.execute("SHOW timezone")
        assert cursor.fetchone() == ("UTC",)
    for alias, expected in (("default", "read committed"), ("strict", "serializable")):
        with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
            cursor.execute("SHOW transaction_isolation")
            assert cursor.fetchone() == (expected,)
    assert connection.connection.info.parameter_status("TimeZone") == "UTC"
