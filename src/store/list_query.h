// Queries over a list of values, with one text for all engines (docs/adr/0005). The text names each
// parameter of the list, "?3, ?4, …", in two sizes. A list that is shorter than its text is padded; a
// list that is longer takes several statements.
//
// Arrays are not an option: SQLite has none, and its ids are blobs, which JSON cannot represent.
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
  // kIn: "?2, ?3"; repeated values have no effect. kValues: "(?2), (?3)".
  enum class Form { kIn, kValues };

  // "@" in the text stands for the list; `first` is the number of its first parameter.
  ListQuery(const char* name, std::string_view text, int first, Form form = Form::kIn)
      : name_(name),
        first_(first),
        short_(Write(text, first, kShort, form)),
        long_(Write(text, first, kLong, form)) {}
  ListQuery(const ListQuery&) = delete;
  ListQuery& operator=(const ListQuery&) = delete;

  // Runs the query for all values, kLong at a time. `bind(statement)` binds the parameters before the
  // list; `row(statement)` receives each row. `padding` fills the rest of the list.
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
  // For a query without parameters before the list.
  template <class T, class Row>
  void Run(SqlSession& session, std::span<const T> values, Row row) const {
    if (!values.empty()) Run(session, values, values.front(), [](Statement&) {}, std::move(row));
  }

  // Returns the statement with this many parameters in the list.
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
