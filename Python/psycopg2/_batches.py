"""Many statements, or many rows, in few round trips."""


def execute_batch(cur, sql, argslist, page_size=100):
    """Execute `sql` for each set of arguments, `page_size` statements a round trip."""
    for page in _paginate(argslist, page_size):
        cur.execute(b";".join(cur.mogrify(sql, arguments) for arguments in page))


def execute_values(cur, sql, argslist, template=None, page_size=100, fetch=False):
    """Execute a statement whose only `%s` stands for many rows: `INSERT INTO t (a, b) VALUES %s`.

    `template` is what a row looks like, by default as many `%s` in parentheses as it has values. With `fetch`, return
    the rows that the statements returned.
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
    """Return what is before and after the one `%s` of a statement, with `%%` read as a percent sign."""
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
