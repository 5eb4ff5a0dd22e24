# Writes reliability.json beside this script. Run: Rscript reliability.R
suppressMessages({library(psych); library(vcd); library(jsonlite)})

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

grades <- function(n, m, error) {
  truth <- sample.int(m, n, TRUE)
  rate <- function() pmin(m, pmax(1, truth + sample(-1:1, n, TRUE, c(error, 1 - 2 * error, error))))
  list(a = rate(), b = rate(), levels = seq_len(m))
}
pairs <- list(four = grades(40, 4, 0.2), five = grades(90, 5, 0.3), two = grades(30, 2, 0.1), few = grades(10, 3, 0.15),
              unused = modifyList(grades(50, 4, 0.2), list(levels = 1:6)), opposed = list(a = c(1, 2, 3, 1, 3, 2), b = c(3, 2, 1, 3, 1, 1), levels = 1:3))
for (name in names(pairs)) for (weights in c("quadratic", "linear")) for (level in c(0.95, 0.8)) {
  p <- pairs[[name]]
  found <- Kappa(table(factor(p$a, p$levels), factor(p$b, p$levels)), weights = c(quadratic = "Fleiss-Cohen", linear = "Equal-Spacing")[[weights]])
  limits <- suppressWarnings(confint(found, level = level))["Weighted", ]
  add("weighted_kappa", p, list(weights = weights, confidence_level = level),
      sprintf("vcd::Kappa(weights = '%s'), limits cut at -1 and 1", weights),
      list(estimate = found$Weighted[["value"]], std_error = found$Weighted[["ASE"]],
           ci_low = max(-1, limits[[1]]), ci_high = min(1, limits[[2]])))
}

change <- round(rnorm(30, 6, 9), 1)
for (better in c("higher", "lower")) for (sdc in c(0, 8.4, 30)) for (level in c(0.95, 0.8)) {
  x <- sum((if (better == "higher") change else -change) > sdc)
  test <- binom.test(x, length(change), conf.level = level)
  add("share_beyond_noise", list(change = change, sdc = sdc), list(better = better, confidence_level = level), "binom.test",
      list(estimate = test$estimate[[1]], ci_low = test$conf.int[1], ci_high = test$conf.int[2], n_better = x))
}

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) sprintf("@%.17g", v), classes = c("numeric", "integer"), how = "replace")
version <- function(p) as.character(packageVersion(p))
json <- toJSON(exact(list(generator = "tests/reference/reliability.R", r = R.version.string,
  packages = sapply(c("psych", "vcd"), version, simplify = FALSE), cases = cases)), auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "reliability.json")
