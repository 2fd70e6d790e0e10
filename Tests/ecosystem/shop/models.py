"""The models of a Django application, with every field type that is specific to PostgreSQL."""

import uuid

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import (
    ArrayField,
    DateTimeRangeField,
    HStoreField,
    IntegerRangeField,
    RangeOperators,
)
from django.contrib.postgres.indexes import GinIndex
from django.db import models


class Customer(models.Model):
    name = models.CharField(max_length=50, unique=True)
    joined = models.DateTimeField(auto_now_add=True)
    visits = models.PositiveBigIntegerField(default=0)


class Item(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    customer = models.ForeignKey(Customer, models.CASCADE, null=True)
    price = models.DecimalField(max_digits=12, decimal_places=4, default=0)
    weight = models.FloatField(null=True)
    tags = ArrayField(ArrayField(models.TextField()), default=list)
    details = models.JSONField(null=True)
    attributes = HStoreField(default=dict)
    seats = IntegerRangeField(null=True)
    rented = DateTimeRangeField(null=True)
    picture = models.BinaryField(default=b"")
    took = models.DurationField(null=True)
    address = models.GenericIPAddressField(null=True)
    day = models.DateField(null=True)
    clock = models.TimeField(null=True)
    good = models.BooleanField(default=True)

    class Meta:
        indexes = [GinIndex(fields=["details"], name="item_details")]
        constraints = [ExclusionConstraint(name="item_seats", expressions=[("seats", RangeOperators.OVERLAPS)])]
