"""BSON by its C extension; a server that is not there"""

import datetime

import bson
import pymongo
from pymongo.errors import ServerSelectionTimeoutError


def main():
    assert bson.has_c() and pymongo.has_c()
    value = {"a": [1, 2.5, None], "t": datetime.datetime(2024, 1, 2), "o": bson.ObjectId()}
    assert bson.decode(bson.encode(value)) == value
    try:
        pymongo.MongoClient("127.0.0.1", 1, serverSelectionTimeoutMS=500).admin.command("ping")
    except ServerSelectionTimeoutError:
        print("as expected")
