"""What a script is about: how it begins, and a choice of actions."""

from dataclasses import dataclass
from typing import Callable

from actions.connections import (
    close_connection, end_transaction, odd_connection, other_session, reset, second_connection, session, terminated,
    use_after_end)
from actions.conversion import adapters, types
from actions.copying import copy
from actions.cursors import (
    close_cursor, cursor_attribute, drop_cursor, fetch, named_cursor, new_cursor, odd_cursor, row_object)
from actions.execution import (
    batch, change, composition, execute, executemany, literals, mogrify, odd_statement, query, server_error, setting,
    transaction_text, values)
from actions.oddities import helpers, wrong_attribute, wrong_call
from actions.server_objects import large_object, notification, two_phase
from actions.transactions import after_a_commit_of_its_own, block
from actions.waiting import asynchronous_step, green_step
from language import ref


def begin_asynchronous(w):
    c = w.connect(asynchronous=True)
    w.cursor(c)


def begin_green(w):
    w.call("psycopg2.extensions.set_wait_callback", ref("psycopg2.extras.wait_select"))
    w.cursor(w.connect())


def begin(w):
    w.cursor(w.connect())


def begin_autocommit(w):
    c = w.connect()
    w.set(f"{c}.autocommit", True)
    w.cursor(c)


def begin_odd(w):
    odd_connection(w)
    w.cursor()


@dataclass
class Theme:
    weight: float
    begin: Callable
    actions: dict


THEMES = {
    "statements": Theme(10, begin, {execute: 8, query: 6, fetch: 5, end_transaction: 3, server_error: 2, change: 3,
                                    new_cursor: 1, session: 1, mogrify: 1}),
    "transactions": Theme(10, begin, {
        transaction_text: 5, change: 4, end_transaction: 4, session: 4, query: 2, server_error: 2, executemany: 2,
        block: 3, after_a_commit_of_its_own: 3,
        second_connection: 0.5, reset: 1, named_cursor: 1, other_session: 1}),
    "autocommit": Theme(4, begin_autocommit, {
        transaction_text: 4, change: 4, end_transaction: 2, session: 2, query: 2, server_error: 2, executemany: 3,
        block: 2, named_cursor: 2, copy: 1, batch: 1}),
    "values": Theme(8, begin, {values: 8, literals: 4, mogrify: 3, composition: 1, end_transaction: 1, adapters: 2}),
    "literals": Theme(6, begin, {literals: 8, types: 3, cursor_attribute: 1, new_cursor: 1, end_transaction: 0.5}),
    "settings": Theme(6, begin, {setting: 5, execute: 2, values: 3, literals: 5, session: 2, transaction_text: 1,
                                 end_transaction: 2, reset: 1}),
    "cursors": Theme(8, begin, {named_cursor: 5, new_cursor: 2, odd_cursor: 1, cursor_attribute: 3, fetch: 7, query: 4,
                                end_transaction: 2, close_cursor: 1,
                                drop_cursor: 1, row_object: 2, second_connection: 0.3, transaction_text: 1, change: 1}),
    "rows": Theme(3, begin, {row_object: 6, query: 3, fetch: 3, new_cursor: 2, end_transaction: 1}),
    "many": Theme(6, begin, {executemany: 7, batch: 4, change: 1, end_transaction: 2, session: 1, transaction_text: 1,
                             fetch: 1, after_a_commit_of_its_own: 2}),
    "copy": Theme(7, begin, {copy: 8, query: 2, end_transaction: 2, session: 1, execute: 1, other_session: 0.3}),
    "two-phase": Theme(5, begin, {two_phase: 7, change: 1, session: 1, end_transaction: 1, second_connection: 0.7}),
    "large objects": Theme(5, begin, {large_object: 9, session: 0.5, end_transaction: 1}),
    "notifications": Theme(4, begin, {notification: 8, end_transaction: 2, execute: 1, session: 1,
                                      second_connection: 0.5}),
    "asynchronous": Theme(6, begin_asynchronous, {asynchronous_step: 8, new_cursor: 0.5, close_connection: 0.2,
                                                  terminated: 0.2, helpers: 0.5}),
    "green": Theme(4, begin_green, {green_step: 1}),
    "lost": Theme(5, begin, {terminated: 2, use_after_end: 4, close_connection: 1.5, execute: 3, fetch: 2,
                             end_transaction: 2, reset: 1, copy: 1, large_object: 1, close_cursor: 1,
                             block: 1, two_phase: 1, executemany: 1, named_cursor: 1, session: 1, mogrify: 1}),
    "helpers": Theme(4, begin, {helpers: 8, composition: 3, adapters: 3, types: 1}),
    "wrong calls": Theme(5, begin, {wrong_call: 8, wrong_attribute: 3, odd_statement: 2, odd_cursor: 1, query: 1,
                                    execute: 1}),
    "connecting": Theme(3, begin_odd, {odd_connection: 3, query: 2, session: 1, values: 2, end_transaction: 1}),
    "everything": Theme(6, begin, {
        execute: 5, query: 4, fetch: 4, values: 3, executemany: 2, copy: 1, batch: 1, named_cursor: 2,
        end_transaction: 3, session: 2, block: 1, two_phase: 1,
        large_object: 1, notification: 1, types: 1, other_session: 1, second_connection: 0.5, close_cursor: 0.5,
        terminated: 0.2, close_connection: 0.2,
        odd_statement: 0.5, wrong_call: 0.5, row_object: 1, composition: 0.5, cursor_attribute: 1, transaction_text: 1,
        reset: 0.5, use_after_end: 0.3}),
}
