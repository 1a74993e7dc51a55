"""Tables, a join and a transaction rolled back, in SQLite."""

from sqlalchemy import ForeignKey, create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    books: Mapped[list["Book"]] = relationship(back_populates="author")


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    author: Mapped[Author] = relationship(back_populates="books")


def main():
    engine = create_engine("sqlite:///books.db")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Author(name="Ann", books=[Book(title="A"), Book(title="B")]))
        session.commit()
        session.add(Book(title="C", author_id=1))
        session.rollback()
        query = select(Author.name, func.count(Book.id)).join(Author.books).group_by(Author.name)
        assert session.execute(query).all() == [("Ann", 2)]
    import sqlalchemy.util as util

    assert util.has_compiled_ext()
    print("as expected")
