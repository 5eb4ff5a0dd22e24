# Writes reliability.json beside this script. Run: Rscript reliability.R
suppressMessages({library(psych); library(jsonlite)})

cases <- list()
add <- function(func, data, options, call, expected)
  cases[[length(cases) + 1]] <<- list(func = func, data = data, options = options, call = call, expected = expected)

set.seed(21)
score <- function(n, k, sd_subject, sd_rater, sd_error)
  round(50 + outer(rnorm(n, 0, sd_subject), rnorm(k, 0, sd_rater), "+") + matrix(rnorm(n * k, 0, sd_error), n), 2)
ratings <- list(
  shrout_fleiss = matrix(c(9, 2, 5, 8, 6, 1, 3, 2, 8, 4, 6, 8, 7, 1, 2, 6, 10, 5, 6, 9, 6, 2, 4, 7), 6, byrow = TRUE),
  test_retest = score(25, 2, 12, 0, 5), biased_rater = score(15, 3, 8, 6, 4), no_agreement = score(12, 2, 0, 2, 9),
  three_subjects = score(3, 2, 10, 1, 3), many = score(80, 5, 10, 3, 6))
rows <- function(m) lapply(seq_len(nrow(m)), function(i) m[i, ])
for (name in names(ratings)) for (level in c(0.95, 0.8)) {
  m <- ratings[[name]]; n <- nrow(m); k <- ncol(m)
  found <- suppressWarnings(ICC(m, missing = FALSE, alpha = 1 - level, lmer = FALSE))$results
  for (form in c("2,1", "3,1")) {
    row <- found[found$type == c("2,1" = "ICC2", "3,1" = "ICC3")[[form]], ]
    add("icc", rows(m), list(form = form, confidence_level = level),
        sprintf("psych::ICC(m, alpha = %g, lmer = FALSE), %s", 1 - level, row$type),
        list(estimate = row$ICC, ci_low = row[["lower bound"]], ci_high = row[["upper bound"]]))
    d <- data.frame(y = c(m), subject = factor(rep(seq_len(n), k)), rater = factor(rep(seq_len(k), each = n)))
    ms <- anova(lm(y ~ subject + rater, data = d))[["Mean Sq"]]
    sem <- sqrt(ms[3] + if (form == "2,1") max(0, (ms[2] - ms[3]) / n) else 0)
    add("measurement_error", rows(m), list(form = form, confidence_level = level), "anova(lm(y ~ subject + rater))",
        list(estimate = sem, sdc = qnorm((1 + level) / 2) * sqrt(2) * sem))
  }
}

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) sprintf("@%.17g", v), classes = c("numeric", "integer"), how = "replace")
json <- toJSON(exact(list(generator = "tests/reference/reliability.R", r = R.version.string,
  packages = list(psych = as.character(packageVersion("psych"))), cases = cases)), auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "reliability.json")
