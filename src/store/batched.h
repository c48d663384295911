// A question about several rows, or a change of them, in one pipeline: a statement for each of a few rows, one statement
// over arrays for many. On PostgreSQL, arrays cost less from four rows on; for 64 rows, a half.
#pragma once
#include <vector>

#include "store/sql_session.h"

namespace parley {

class Batched {
 public:
  // `all` has the parameters of `one`, as arrays. Next will be called `rows` times.
  Batched(SqlPipeline& pipeline, const Query& one, const Query& all, size_t rows)
      : pipeline_(pipeline), one_(one), all_(all), is_many_(rows >= kMany) {}

  // The statement to which the values of the next row are bound: all of them, NULL included.
  Statement& Next() {
    if (is_many_ && !statements_.empty()) return *statements_.front();
    return *statements_.emplace_back(&pipeline_.Add(is_many_ ? all_ : one_));
  }

  // After the pipeline has run: calls use(row) for each row of the answers.
  template <class Use>
  void Each(Use use) const {
    for (Statement* statement : statements_) {
      while (statement->Step()) use(*statement);
    }
  }
  // The same with the place of the row in the question, from 0. `column` of the answer of `all` has it, from 1.
  template <class Use>
  void EachWithPlace(int column, Use use) const {
    for (size_t i = 0; i < statements_.size(); ++i) {
      Statement& row = *statements_[i];
      while (row.Step()) use(row, is_many_ ? static_cast<size_t>(row.Int(column)) - 1 : i);
    }
  }

 private:
  static constexpr size_t kMany = 4;

  SqlPipeline& pipeline_;
  const Query& one_;
  const Query& all_;
  const bool is_many_;
  std::vector<Statement*> statements_;
};

}  // namespace parley
