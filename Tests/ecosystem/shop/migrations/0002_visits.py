import django.contrib.postgres.constraints
from django.contrib.postgres.fields import RangeOperators
from django.contrib.postgres.operations import AddIndexConcurrently
from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models


def greet(apps, schema_editor):
    apps.get_model("shop", "Customer").objects.using(schema_editor.connection.alias).create(name="the first", visits=1)


def forget(apps, schema_editor):
    apps.get_model("shop", "Customer").objects.using(schema_editor.connection.alias).filter(name="the first").delete()


class Migration(migrations.Migration):
    atomic = False  # an index is made concurrently
    dependencies = [("shop", "0001_initial")]
    operations = [
        migrations.AddField("Customer", "visits", models.PositiveBigIntegerField(default=0)),
        migrations.AlterField("Customer", "name", models.CharField(max_length=50, unique=True)),
        AddIndexConcurrently("Item", GinIndex(fields=["details"], name="item_details")),
        migrations.AddConstraint("Item", django.contrib.postgres.constraints.ExclusionConstraint(
            name="item_seats", expressions=[("seats", RangeOperators.OVERLAPS)])),
        migrations.RunPython(greet, forget),
    ]
