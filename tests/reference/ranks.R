# Writes ranks.json beside this script. Run: Rscript ranks.R
suppressMessages({library(coin); library(jsonlite)})

cases <- list()
add <- function(func, x, y, options, call, expected)
  cases[[length(cases) + 1]] <<- list(func = func, x = as.list(x), y = as.list(y), options = options, call = call,
                                      expected = expected)

set.seed(11)
plain <- round(rnorm(12, 0.6), 4)
pairs <- list(
  plain = plain,
  six = c(0.8, -0.2, 1.7, 2.2, 0.4, 1.1),
  ties = c(1, 2, 2, 3, -1, 4, -2, 1, 5, 1, -3),
  zeros = c(1.1, 2, 2, 3.5, -0.5, 0, 0, 4, -2, 1.1),
  grades = c(0, 1, 1, 2, 1, 0, -1, 1, 2, 0, 1, 1, -1, 2, 1, 0, 1, 1),
  forty = round(rnorm(40, 0.3), 1))
WORDS <- c("two.sided" = "two-sided", less = "less", greater = "greater")
for (name in names(pairs)) for (zero in c("wilcox", "pratt")) for (alternative in names(WORDS)) for (method in c("exact", "normal")) {
  x <- pairs[[name]]; y <- rep(0, length(x))
  test <- wilcoxsign_test(x ~ y, zero.method = c(wilcox = "Wilcoxon", pratt = "Pratt")[[zero]], alternative = alternative,
                          distribution = c(exact = "exact", normal = "asymptotic")[[method]])
  add("signed_rank", x, list(), list(zero_method = zero, alternative = WORDS[[alternative]], method = method),
      sprintf("coin::wilcoxsign_test(x ~ 0, zero.method='%s', alternative='%s', distribution='%s')", zero, alternative, method),
      list(statistic = as.numeric(statistic(test, "linear")), p_value = as.numeric(pvalue(test))))
}

# Untied: wilcox.test. Tied: the same order statistics, counted in by R's own qsignrank and qwilcox.
signed_ci <- function(d, level) {
  w <- outer(d, d, "+") / 2; w <- sort(w[!lower.tri(w)]); q <- max(qsignrank((1 - level) / 2, length(d)), 1)
  list(estimate = median(w), ci_low = w[q], ci_high = w[length(w) + 1 - q], achieved_level = 1 - 2 * psignrank(q - 1, length(d)))
}
shift_ci <- function(x, y, level) {
  w <- sort(outer(x, y, "-")); q <- max(qwilcox((1 - level) / 2, length(x), length(y)), 1)
  list(estimate = median(w), ci_low = w[q], ci_high = w[length(w) + 1 - q],
       achieved_level = 1 - 2 * pwilcox(q - 1, length(x), length(y)))
}
one <- function(test) list(estimate = test$estimate[[1]], ci_low = test$conf.int[1], ci_high = test$conf.int[2])
for (name in names(pairs)) for (level in c(0.95, 0.8)) {
  x <- pairs[[name]]
  if (name %in% c("plain", "six"))
    add("hodges_lehmann", x, list(), list(confidence_level = level), sprintf("wilcox.test(x, conf.int=TRUE, exact=TRUE, conf.level=%g)", level),
        one(wilcox.test(x, conf.int = TRUE, exact = TRUE, conf.level = level)))
  add("hodges_lehmann", x, list(), list(confidence_level = level), "Walsh averages at qsignrank", signed_ci(x, level))
}

groups <- list(
  plain = list(round(rnorm(9, 1), 4), round(rnorm(7), 4)),
  unequal = list(round(rnorm(14, 0.5, 3), 4), round(rnorm(30), 4)),
  grades = list(c(3, 2, 4, 4, 3, 2, 1, 3), c(1, 2, 3, 1, 2, 2, 2)),
  small = list(c(2.5, 3.1, 4.0), c(1.2, 2.8, 0.3, 1.9)))
for (name in names(groups)) for (level in c(0.95, 0.8)) {
  x <- groups[[name]][[1]]; y <- groups[[name]][[2]]
  if (name != "grades")
    add("hodges_lehmann", x, y, list(paired = FALSE, confidence_level = level),
        sprintf("wilcox.test(x, y, conf.int=TRUE, exact=TRUE, conf.level=%g)", level),
        one(suppressWarnings(wilcox.test(x, y, conf.int = TRUE, exact = TRUE, conf.level = level))))
  add("hodges_lehmann", x, y, list(paired = FALSE, confidence_level = level), "differences at qwilcox", shift_ci(x, y, level))

  # Brunner & Munzel (2000) from the comparisons of all pairs, without ranks.
  beats <- (sign(outer(x, y, "-")) + 1) / 2
  p <- mean(beats); v1 <- var(rowMeans(beats)) / length(x); v0 <- var(colMeans(beats)) / length(y); se <- sqrt(v1 + v0)
  df <- (v1 + v0)^2 / (v1^2 / (length(x) - 1) + v0^2 / (length(y) - 1)); t <- (p - 0.5) / se; q <- qt((1 + level) / 2, df)
  tails <- list("two-sided" = 2 * pt(-abs(t), df), less = pt(t, df), greater = pt(-t, df))
  for (alternative in names(tails))
    add("brunner_munzel", x, y, list(alternative = alternative, confidence_level = level), "formulas of the paper, base R",
        list(estimate = p, std_error = se, statistic = t, df = df, p_value = tails[[alternative]],
             ci_low = max(0, p - q * se), ci_high = min(1, p + q * se)))

  # Newcombe (2006), method 5, by grid-free root search on both sides of the estimate.
  z <- qnorm((1 + level) / 2); spare <- (length(x) + length(y)) / 2 - 1
  gap <- function(theta) abs(p - theta) - z * sqrt(theta * (1 - theta) / (length(x) * length(y)) *
    (1 + spare * (1 - theta) / (2 - theta) + spare * theta / (1 + theta)))
  add("probability_of_superiority", x, y, list(paired = FALSE, confidence_level = level), "uniroot on Newcombe's method 5",
      list(estimate = p, ci_low = uniroot(gap, c(0, p), tol = 1e-14)$root, ci_high = uniroot(gap, c(p, 1 - 1e-12), tol = 1e-14)$root))
}

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) sprintf("@%.17g", v), classes = c("numeric", "integer"), how = "replace")
json <- toJSON(exact(list(
  generator = "tests/reference/ranks.R", r = R.version.string,
  packages = list(coin = as.character(packageVersion("coin"))), cases = cases)), auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "ranks.json")
