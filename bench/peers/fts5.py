# The same queries by SQLite's FTS5: builds its index over a corpus of JSON lines, then asks for the
# best hits of each query, any of whose words may stand in a passage. Says its figures as one line.
#
#   python3 bench/peers/fts5.py CORPUS DATABASE QUERIES HITS      QUERIES: a file, one query a line
import json
import sqlite3
import sys
import time

corpus, database, queries, hits = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
connection = sqlite3.connect(database)
connection.execute("create virtual table passages using fts5(contents)")


def rows():
    with open(corpus, encoding="utf-8") as lines:
        for line in lines:
            yield (json.loads(line)["contents"],)


started = time.perf_counter()
connection.executemany("insert into passages values (?)", rows())
connection.commit()
build = time.perf_counter() - started

times = []
for query in open(queries, encoding="utf-8").read().splitlines():
    words = " OR ".join(f'"{word}"' for word in dict.fromkeys(query.split()))
    started = time.perf_counter()
    connection.execute(
        "select rowid from passages where passages match ? order by rank limit ?", (words, hits)
    ).fetchall()
    times.append(1000 * (time.perf_counter() - started))
times.sort()
print(json.dumps({"version": sqlite3.sqlite_version, "buildSeconds": build, "milliseconds": times}))
