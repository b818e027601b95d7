# SPDX-License-Identifier: MIT
"""
The suites of `make check-suites`, as data. To add one: a row in SUITES. Members:

    python        versions, the first that is at hand is taken; "newest", "oldest": with CPython's own tests
    requires      what pip installs into a virtual environment of the suite's own (as written: versions are part of the result)
    source        a source distribution from the registry that brings the tests, "name==version": the tests run in a copy of it
    prepare       a shell command in that source, before; the package itself is removed there, so that the installed one is tested
    kind          cpython (modules of its own tests), unittest (modules of a package), pytest, programs (tests/suites/programs/:
                  output and status are compared)
    chunks        cpython, unittest: modules (globs; "!" excludes); pytest: {name: arguments}; programs: names.
                  Each is run, compared and kept by itself
    arguments     more, for every chunk of pytest's
    env           more in the environment
    limit         seconds for a chunk (plain; a recorded run has half as much again)
    needs         as in kit.meets

REASONS: differences that cannot be removed, each with why: (suite/chunk/test as a glob, plain and recorded word, reason).
UNSTEADY: what is known of tests that go by chance.
"""

NEW = ["3.13", "3.12", "3.11"]
PYTEST = ["pytest==9.2.0", "pytest-timeout==2.4.0"]

# What scripts/check runs of CPython's tests, newest and oldest: where a recorder is most in the way.
QUICK = """test_faulthandler test_signal test_threading test_subprocess test_os test_posix test_ctypes test_mmap test_fork1
           test_importlib test_capi test_audit""".split()

# On an old Python: what touches the system, processes, threads, loading and memory, and a part of what only computes.
BROAD = QUICK + """test_io test_socket test_select test_selectors test_epoll test_poll test_pty test_fcntl test_resource test_tempfile test_shutil
    test_pathlib test_glob test_zipfile test_zipimport test_gzip test_lzma test_zlib test_hashlib test_ssl test_sqlite test_dbm test_json
    test_pickle test_marshal test_re test_struct test_array test_dict test_list test_set test_generators test_coroutines test_contextlib
    test_functools test_itertools test_collections test_datetime test_decimal test_float test_math test_random test_codecs test_bytes
    test_unicode test_exceptions test_traceback test_sys test_sys_settrace test_gc test_weakref test_thread test_threading_local
    test_threadsignals test_threadedtempfile test_queue test_wait3 test_wait4 test_eintr test_posixpath test_popen test_site test_cmd_line
    test_cmd_line_script test_runpy test_import test_pkgutil test_atexit test_logging test_warnings test_inspect test_ast test_compile
    test_xml_etree test_time test_uuid test_locale test_tracemalloc test_utf8_mode test_pdb test_doctest test_asyncio test_concurrent_futures
    test_multiprocessing_fork test_embed test_buffer test_memoryio test_mailbox test_file test_largefile test_kqueue test_ioctl test_openpty
    test_pipes test_sched test_stat test_support test_context test_contextlib_async test_dataclasses test_enum test_typing""".split()


def numpy(*parts):
    return {p: ["--pyargs", f"numpy.{p}"] for p in parts}


def scipy(*parts):
    return {p: ["--pyargs", f"scipy.{p}"] for p in parts}


SUITES = {
    "pyzmq": {
        "python": NEW, "requires": ["pyzmq==27.3.0", "gevent==26.9.0", "tornado", "psutil", "pytest-asyncio"] + PYTEST,
        "source": "pyzmq==27.3.0", "prepare": "rm -rf zmq", "kind": "pytest", "chunks": {"tests": ["tests"]}, "limit": 600},
    "ipykernel": {
        "python": NEW, "requires": ["ipykernel==7.4.0", "ipyparallel", "flaky", "pytest-asyncio", "pytest-cov", "matplotlib", "trio", "curio"] + PYTEST,
        "source": "ipykernel==7.4.0", "prepare": "rm -rf ipykernel ipykernel_launcher.py", "kind": "pytest", "chunks": {"tests": ["tests"]},
        "arguments": ["-o", "asyncio_default_fixture_loop_scope=function"], "limit": 900},
    "jupyter_client": {
        "python": NEW, "requires": ["jupyter_client==8.10.0", "ipykernel==7.4.0", "pytest-jupyter[client]", "pytest-cov", "flaky", "msgpack", "anyio",
                                    "paramiko", "mypy", "orjson"] + PYTEST,
        "source": "jupyter_client==8.10.0", "prepare": "rm -rf jupyter_client", "kind": "pytest", "chunks": {"tests": ["tests"]}, "limit": 900},
    "psutil": {
        "python": NEW, "requires": ["psutil==7.2.2", "psleak", "pytest-instafail", "pytest-xdist", "setuptools", "wheel", "pytest==9.0.2",
                                   "pytest-timeout==2.4.0"],
        "source": "psutil==7.2.2", "prepare": "rm -rf psutil", "kind": "pytest", "chunks": {"tests": ["tests"]}, "limit": 600},
    "cffi": {
        "python": NEW, "requires": ["cffi==2.1.1", "setuptools"] + PYTEST,
        "source": "cffi==2.1.1", "kind": "pytest", "needs": "cc", "limit": 1800,
        "chunks": {"cffi0": ["testing/cffi0"], "cffi1": ["testing/cffi1"], "embedding": ["testing/embedding"]}},
    "gevent": {
        "python": NEW, "requires": ["gevent[test]==26.9.0"], "kind": "unittest", "package": "gevent.tests", "chunks": ["test__*"], "limit": 200},
    "numpy": {
        "python": NEW, "requires": ["numpy==2.5.5", "hypothesis", "setuptools", "meson", "ninja", "cython", "cffi", "threadpoolctl", "psutil"] + PYTEST,
        "kind": "pytest", "arguments": ["-m", "not slow"], "limit": 1800,
        "chunks": numpy("_core", "fft", "lib", "linalg", "ma", "matrixlib", "polynomial", "random", "testing", "typing", "f2py", "tests", "ctypeslib")},
    "scipy": {
        "python": NEW, "requires": ["scipy==1.18.1", "numpy==2.5.5", "hypothesis", "pooch", "threadpoolctl"] + PYTEST,
        "kind": "pytest", "arguments": ["-m", "not slow and not xslow"], "limit": 1800,
        "chunks": scipy("linalg", "sparse", "optimize", "fft", "integrate", "interpolate", "ndimage", "special", "spatial", "io", "_lib", "cluster")},
    "jpype": {
        "python": NEW, "requires": ["jpype1==1.7.1", "numpy==2.5.5"] + PYTEST, "needs": "javac",
        "source": "jpype1==1.7.1", "kind": "pytest", "chunks": {"jpypetest": ["test/jpypetest"]}, "limit": 900,
        "arguments": ["--ignore-glob=*/test_sql_*"],        # they want drivers of three databases
        "prepare": "rm -rf jpype; cd test; mkdir classes; javac -nowarn -g -d classes $(find harness/jpype harness/org -name '*.java'); "
                   "javac -nowarn -cp classes -d classes $(find harness/java8 -name '*.java'); "
                   "javac -nowarn -cp classes --add-exports java.base/jdk.internal.reflect=ALL-UNNAMED -d classes $(find harness/java9 -name '*.java')"},
    "science": {
        "python": NEW, "requires": ["numpy==2.5.5", "scipy==1.18.1", "pandas==3.1.1", "pyarrow==26.0.1", "scikit-learn==1.9.1", "opencv-python-headless"],
        "kind": "programs", "chunks": ["train_sklearn.py", "table_pandas.py", "table_arrow.py", "picture_opencv.py"], "limit": 300},
    "tensorflow": {
        "python": NEW, "requires": ["tensorflow-cpu==2.21.0", "keras==3.15.1", "jax==0.12.0.1"],
        "kind": "programs", "chunks": ["train_tensorflow.py", "train_keras_tensorflow.py", "train_keras_jax.py", "train_jax.py"], "limit": 600},
    "torch": {
        "python": ["3.11"], "requires": ["torch==2.5.1", "keras==3.15.1", "numpy"],
        "kind": "programs", "chunks": ["train_torch.py", "train_keras_torch.py"], "limit": 600},
    "cpython-newest": {"python": "newest", "kind": "cpython", "chunks": ["test_*"], "limit": 600},
    "cpython-3.8": {"python": ["3.8"], "kind": "cpython", "chunks": BROAD, "limit": 600},
}

REASONS = []

# What is known of tests that are not steady: (suite/chunk/test as a glob, why).
UNSTEADY = [
    ("gevent/test__issue1686/*", "The test gives its child 0.5 s to destroy a loop whose epoll descriptor it shares; a child that takes longer takes the "
                                 "parent's watchers away. With 0 s it hangs in half of the plain runs, too."),
]
