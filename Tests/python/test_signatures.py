"""Signatures and docstrings of the extension: `help()` and `inspect.signature()` work, and agree with the stubs."""

import ast
import inspect
import sys
import types
from inspect import Parameter
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import _psycopg, errorcodes, extensions

# Types that are not names of the module, by those that they have in the stubs.
HIDDEN = {"_Adapters": type(_psycopg.adapters), "_type": type(_psycopg.STRING)}
TYPES = {name: value for name, value in vars(_psycopg).items() if isinstance(value, type)}
METHODS = {
    f"{name}.{method}": value
    for name, owner in {**TYPES, **HIDDEN}.items()
    for method, value in vars(owner).items()
    if isinstance(value, types.MethodDescriptorType)
}
FUNCTIONS = {name: value for name, value in vars(_psycopg).items() if isinstance(value, types.BuiltinFunctionType)}
ATTRIBUTES = {
    f"{name}.{attribute}": value
    for name, owner in {**TYPES, **HIDDEN}.items()
    for attribute, value in vars(owner).items()
    if isinstance(value, (types.GetSetDescriptorType, types.MemberDescriptorType)) and attribute != "__weakref__"
}
CALLABLES = {**FUNCTIONS, **METHODS, **TYPES}
# CPython makes this class from a name and a docstring, and Exception has no signature either. CPython 3.9 drops the
# signatures of all types that an extension makes.
WITHOUT_SIGNATURE = {"Warning"} if sys.version_info >= (3, 10) else set(TYPES)

# Stands for a default that is no literal, which signatures and stubs show as `...`.
SOME = object()


def stub():
    """The signatures that the stubs have, as {name: [(parameter, kind, default)]}. An overloaded function has that of
    its first overload."""
    tree = ast.parse(Path(psycopg2.__file__).with_name("_psycopg.pyi").read_text(encoding="utf-8"))
    found = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, parameters(node))
        elif isinstance(node, ast.ClassDef):
            found[node.name] = None
            for base in node.bases:
                if isinstance(base, ast.Name):
                    found[node.name] = found.get(base.id, found[node.name])
            for member in node.body:
                if isinstance(member, ast.FunctionDef):
                    found.setdefault(f"{node.name}.{member.name}", parameters(member)[1:])
            # `__new__` of a type with both accepts any arguments.
            for maker in ("__new__", "__init__"):
                found[node.name] = found.get(f"{node.name}.{maker}", found[node.name])
    return found


def parameters(function):
    given = function.args
    plain = given.posonlyargs + given.args
    defaults = [Parameter.empty] * (len(plain) - len(given.defaults)) + [default(value) for value in given.defaults]
    kinds = [Parameter.POSITIONAL_ONLY] * len(given.posonlyargs) + [Parameter.POSITIONAL_OR_KEYWORD] * len(given.args)
    return [(argument.arg, kind, value) for argument, kind, value in zip(plain, kinds, defaults)]


def default(node):
    value = ast.literal_eval(node)
    return SOME if value is ... else value


STUB = stub()


def shown(callable_, is_method=False):
    """The parameters of a callable without `self`, in the form of stub()."""
    signature = list(inspect.signature(callable_).parameters.values())[is_method:]
    return [(one.name, one.kind, SOME if one.default is ... else one.default) for one in signature]


def accepted(name):
    """Those that have a name and may be given by it."""
    return [one for one in shown(CALLABLES[name], name in METHODS) if one[1] is Parameter.POSITIONAL_OR_KEYWORD]


@pytest.mark.parametrize("name", sorted(set(CALLABLES) - WITHOUT_SIGNATURE))
def test_the_signature_can_be_read(name):
    assert inspect.signature(CALLABLES[name]) is not None


@pytest.mark.parametrize("name", sorted({**FUNCTIONS, **METHODS}))
def test_functions_and_methods_name_what_they_are_bound_to(name):
    receiver = "$self" if name in METHODS else "$module"
    assert CALLABLES[name].__text_signature__.startswith(f"({receiver}")


@pytest.mark.parametrize("name", sorted(name for name in {**FUNCTIONS, **METHODS} if not name.startswith("_Adapters.")))
def test_the_signature_is_that_of_the_stub(name):
    if name not in STUB:
        # Methods that pickle calls, and that object's stub has.
        assert name.endswith(".__reduce__")
        assert shown(CALLABLES[name], True) == []
        return
    assert shown(CALLABLES[name], name in METHODS) == STUB[name]


@pytest.mark.parametrize("name", sorted(
    name for name in set(TYPES) - WITHOUT_SIGNATURE if not issubclass(TYPES[name], Exception)))
def test_a_type_is_called_as_the_stub_says(name):
    assert shown(TYPES[name]) == (STUB[name] or [])


@pytest.mark.parametrize("module", [psycopg2, extensions])
def test_all_names_of_the_modules_have_signatures_and_docstrings(module):
    for name, value in vars(module).items():
        if name.startswith("_") or not callable(value) or isinstance(value, type(_psycopg.STRING)):
            continue
        assert is_sentence(value.__doc__), name
        if name not in WITHOUT_SIGNATURE:
            assert inspect.signature(value) is not None, name


def is_sentence(doc):
    first = (doc or "").strip().split("\n\n")[0]
    # CPython leaves the signature in a docstring if it cannot read it.
    return not first[:1].islower() and first.endswith(".") and len(first.split()) > 1 and "\n--\n" not in doc


@pytest.mark.parametrize("name", sorted({**CALLABLES, **ATTRIBUTES, **HIDDEN}))
def test_the_docstring_begins_with_a_sentence(name):
    assert is_sentence({**CALLABLES, **ATTRIBUTES, **HIDDEN}[name].__doc__)


@pytest.mark.parametrize("name", sorted({**FUNCTIONS, **METHODS}))
def test_the_docstring_explains_every_parameter(name):
    function = CALLABLES[name]
    for parameter, _, _ in accepted(name) if len(accepted(name)) > 1 else []:
        # Three ints are explained in the first sentence.
        assert parameter in function.__doc__ or name == "Date"


# Calls without a server


@pytest.fixture(scope="module")
def receivers():
    """An object of every type whose methods have named parameters. They are not connected, so that each call fails, but
    only after it has bound its arguments."""
    connection = extensions.connection.__new__(extensions.connection)
    made = {"connection": connection, "cursor": extensions.cursor(connection)}
    made["ReplicationCursor"] = _psycopg.ReplicationCursor(connection)
    made["lobject"] = extensions.lobject.__new__(extensions.lobject)
    return made


def bound(name, receivers):
    owner, _, method = name.rpartition(".")
    return getattr(receivers[owner], method) if owner in receivers else CALLABLES[name]


BY_KEYWORD = sorted(
    name for name in set(CALLABLES) - WITHOUT_SIGNATURE
    if not name.startswith("_Adapters.") and accepted(name)
    and not (name in TYPES and issubclass(TYPES[name], Exception)))


@pytest.mark.parametrize("name", BY_KEYWORD)
def test_every_parameter_is_accepted_by_its_name_and_no_other(name, receivers):
    names = [parameter for parameter, _, _ in accepted(name)]
    assert len(names) == len(shown(CALLABLES[name], name in METHODS)), "some have a name and others none"
    # Keywords are looked at in their order: the last one is refused only if the others were accepted.
    with pytest.raises(TypeError, match=r"\(\) got an unexpected keyword argument 'no_such_name'$"):
        bound(name, receivers)(**dict.fromkeys(names), no_such_name=1)
    # All of them are bound in the order of the signature.
    with pytest.raises(TypeError, match=f"got multiple values for argument '{names[0]}'"):
        bound(name, receivers)(None, **{names[0]: None})


@pytest.mark.parametrize("name", BY_KEYWORD)
def test_parameters_without_a_default_are_required(name, receivers):
    required = [parameter for parameter, _, default in accepted(name) if default is Parameter.empty]
    for missing in required:
        with pytest.raises(TypeError, match=f"missing required argument '{missing}'"):
            bound(name, receivers)(**{other: None for other in required if other != missing})


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - set(BY_KEYWORD)))
def test_other_functions_take_no_keyword(name):
    with pytest.raises(TypeError, match="takes no keyword arguments"):
        FUNCTIONS[name](no_such_name=1)


# Errors


@pytest.mark.parametrize("code, error", sorted(_psycopg.sqlstate_errors.items()))
def test_the_docstring_of_an_error_class_has_its_sqlstate(code, error):
    names = [name.rstrip("_").lower() for name, value in vars(errorcodes).items() if value == code]
    assert error.__doc__ in [f"SQLSTATE {code}, {name}." for name in names]
    if "Error" not in WITHOUT_SIGNATURE:
        assert str(inspect.signature(error)) == "(*args)"


def test_help_shows_a_signature():
    import pydoc

    text = pydoc.plain(pydoc.render_doc(extensions.cursor.copy_expert))
    assert "copy_expert(self, /, sql, file, size=8192)" in text
    assert "Run a COPY statement" in text
