// Queries over a list of values, in one text for all engines (docs/adr/0005): the places of the list
// are written out, "?3, ?4, …", once for short lists and once for long ones. A list that is shorter
// than its text is padded; a longer one takes several statements.
//
// Why not an array: SQLite has none, and ids are blobs there, which JSON cannot hold.
#pragma once
#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/sql_session.h"

namespace parley {

class ListQuery {
 public:
  static constexpr size_t kShort = 16, kLong = 512;
  // kIn: "?2, ?3"; repeats among the values change nothing. kValues: "(?2), (?3)".
  enum class Form { kIn, kValues };

  // "@" in the text stands for the places; `first` is the number of the first of them.
  ListQuery(const char* name, std::string_view text, int first, Form form = Form::kIn)
      : name_(name),
        first_(first),
        short_(Write(text, first, kShort, form)),
        long_(Write(text, first, kLong, form)) {}
  ListQuery(const ListQuery&) = delete;
  ListQuery& operator=(const ListQuery&) = delete;

  // Runs it for all the values, kLong at a time; `bind(statement)` binds what comes before them,
  // `row(statement)` takes each row. The values must live until then; `padding` fills up the rest.
  template <class T, class Bind, class Row>
  void Run(SqlSession& session, std::span<const T> values, const T& padding, Bind bind,
           Row row) const {
    for (; !values.empty(); values = values.subspan(std::min(kLong, values.size()))) {
      const size_t places = values.size() <= kShort ? kShort : kLong;
      Statement& statement =
          session.Prepare({name_, places == kShort ? short_.c_str() : long_.c_str()});
      bind(statement);
      for (size_t i = 0; i < places; ++i) {
        statement.Bind(first_ + static_cast<int>(i), i < values.size() ? values[i] : padding);
      }
      while (statement.Step()) row(statement);
    }
  }
  // With nothing to bind before the list.
  template <class T, class Row>
  void Run(SqlSession& session, std::span<const T> values, Row row) const {
    if (!values.empty()) Run(session, values, values.front(), [](Statement&) {}, std::move(row));
  }

  // The statement with so many places for the list.
  static std::string Write(std::string_view text, int first, size_t places, Form form) {
    const size_t at = text.find('@');
    std::string out(text.substr(0, at));
    for (size_t i = 0; i < places; ++i) {
      if (i > 0) out += ", ";
      const std::string place = "?" + std::to_string(first + static_cast<int>(i));
      out += form == Form::kIn ? place : "(" + place + ")";
    }
    return out.append(text.substr(at + 1));
  }

 private:
  const char* const name_;
  const int first_;
  const std::string short_, long_;
};

}  // namespace parley
