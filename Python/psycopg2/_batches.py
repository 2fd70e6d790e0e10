"""Functions that execute many statements, or send many rows, in few round trips."""


def execute_batch(cur, sql, argslist, page_size=100):
    """Execute `sql` once for each set of arguments in `argslist`, with `page_size` statements per round trip.

    Each set is a sequence or a mapping, as for `cursor.execute()`. After the call, the cursor has the result of the
    last message. Raises the error of the first statement that fails.

        execute_batch(cursor, "UPDATE item SET price = %s WHERE id = %s", [(1.5, 1), (2.5, 2)])
    """
    for page in _paginate(argslist, page_size):
        cur.execute(b";".join(cur.mogrify(sql, arguments) for arguments in page))


def execute_values(cur, sql, argslist, template=None, page_size=100, fetch=False):
    """Execute a statement in which one `%s` stands for a list of rows, with `page_size` rows per statement.

    - sql: str, bytes or sql.Composable with exactly one `%s`; write a literal percent sign as `%%`.
    - argslist: an iterable of rows, each a sequence or, with a suitable `template`, a mapping.
    - template: the text of one row; by default as many `%s` as the first row has values, in parentheses.
    - fetch: True returns the rows that all statements returned, as one list; otherwise None is returned.

    Raises ValueError if `sql` does not have exactly one placeholder.

        execute_values(cursor, "INSERT INTO item (id, name) VALUES %s", [(1, "a"), (2, "b")])
    """
    from psycopg2.extensions import encodings

    if not isinstance(sql, bytes):
        if not isinstance(sql, str):
            sql = sql.as_string(cur)
        sql = sql.encode(encodings[cur.connection.encoding])
    before, after = _split_at_placeholder(sql)
    result = [] if fetch else None
    for page in _paginate(argslist, page_size):
        if template is None:
            template = b"(" + b",".join([b"%s"] * len(page[0])) + b")"
        rows = b",".join(cur.mogrify(template, arguments) for arguments in page)
        cur.execute(before + rows + after)
        if fetch:
            result.extend(cur.fetchall())
    return result


def _paginate(sequence, page_size):
    page = []
    for item in sequence:
        page.append(item)
        if len(page) >= page_size:
            yield page
            page = []
    if page:
        yield page


def _split_at_placeholder(sql):
    """Return the parts of a statement before and after its only `%s`, with `%%` replaced by a percent sign."""
    parts, position, text = [], 0, b""
    while True:
        percent = sql.find(b"%", position)
        if percent < 0:
            text += sql[position:]
            break
        text += sql[position:percent]
        kind = sql[percent + 1:percent + 2]
        if kind == b"s":
            if parts:
                raise ValueError("the query contains more than one '%s' placeholder")
            parts.append(text)
            text = b""
        elif kind == b"%":
            text += b"%"
        else:
            raise ValueError(f"unsupported format character: '{kind.decode('ascii', 'replace')}'")
        position = percent + 2
    if not parts:
        raise ValueError("the query doesn't contain any '%s' placeholder")
    return parts[0], text
