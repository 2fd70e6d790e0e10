import uuid

import django.contrib.postgres.fields as postgres
from django.contrib.postgres.operations import HStoreExtension
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        HStoreExtension(),
        migrations.CreateModel("Customer", [
            ("id", models.BigAutoField(primary_key=True, serialize=False, auto_created=True, verbose_name="ID")),
            ("name", models.CharField(max_length=20, unique=True)),
            ("joined", models.DateTimeField(auto_now_add=True)),
        ]),
        migrations.CreateModel("Item", [
            ("id", models.UUIDField(primary_key=True, default=uuid.uuid4, serialize=False)),
            ("customer", models.ForeignKey("shop.customer", models.CASCADE, null=True)),
            ("price", models.DecimalField(max_digits=12, decimal_places=4, default=0)),
            ("weight", models.FloatField(null=True)),
            ("tags", postgres.ArrayField(postgres.ArrayField(models.TextField()), default=list)),
            ("details", models.JSONField(null=True)),
            ("attributes", postgres.HStoreField(default=dict)),
            ("seats", postgres.IntegerRangeField(null=True)),
            ("rented", postgres.DateTimeRangeField(null=True)),
            ("picture", models.BinaryField(default=b"")),
            ("took", models.DurationField(null=True)),
            ("address", models.GenericIPAddressField(null=True)),
            ("day", models.DateField(null=True)),
            ("clock", models.TimeField(null=True)),
            ("good", models.BooleanField(default=True)),
        ]),
    ]
