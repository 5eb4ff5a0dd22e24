# Writes resampling.json beside this script. Run: Rscript resampling.R
# Exact permutation tests: sign flips by enumeration of all signs, arms by coin.
suppressMessages({library(coin); library(jsonlite)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
WORDS <- c("two.sided" = "two-sided", less = "less", greater = "greater")
number <- function(x) sprintf("%.17g", x)
cases <- list()
add <- function(func, ..., call, p)
  cases[[length(cases) + 1]] <<- list(func = func, ..., call = call, p_value = number(p))

tail_of <- function(all, seen, alternative) {
  eps <- 1e-9 * max(abs(all))
  switch(alternative,
         greater = mean(all >= seen - eps), less = mean(all <= seen + eps),
         "two-sided" = mean(abs(all) >= abs(seen) - eps))
}
set.seed(3)
differences <- list(
  plain = round(rnorm(10, 0.5), 3),
  ties = c(1, 2, 2, 3, -1, 4, -2, 1, 0),
  tiny = c(2.5, 1.5, -0.5, 3))
for (name in names(differences)) for (alternative in WORDS) {
  d <- differences[[name]]
  signs <- as.matrix(expand.grid(rep(list(c(-1, 1)), length(d))))
  add("sign_flip", y = number(d), alternative = alternative,
      call = "mean of all 2^n sign flips", p = tail_of(signs %*% d, sum(d), alternative))
}
arms <- list(
  plain = list(y = round(rnorm(14, 5), 3), arm = rep(0:1, c(6, 8))),
  ties = list(y = c(1, 2, 2, 3, 3, 4, 5, 5, 6, 2), arm = rep(0:1, c(5, 5))),
  uneven = list(y = round(rexp(11), 3), arm = rep(0:1, c(8, 3))))
# coin takes the first level of the factor as the group whose sum is tested
one_sided <- function(y, arm, alternative)
  as.numeric(pvalue(oneway_test(y ~ factor(arm, levels = c(1, 0)), alternative = alternative, distribution = "exact")))
for (name in names(arms)) for (alternative in names(WORDS)) {
  y <- arms[[name]]$y; arm <- arms[[name]]$arm
  # two-sided is twice the smaller tail, as in scipy; coin's own counts by distance, which differs for unequal arms
  p <- if (alternative == "two.sided") min(1, 2 * min(one_sided(y, arm, "less"), one_sided(y, arm, "greater")))
       else one_sided(y, arm, alternative)
  add("permute_arms", y = number(y), arm = arm, alternative = WORDS[[alternative]],
      call = "coin::oneway_test(y ~ arm, alternative=, distribution='exact'); two-sided: twice the smaller tail", p = p)
}
out <- list(R = R.version.string, coin = as.character(packageVersion("coin")), cases = cases)
write(toJSON(out, auto_unbox = TRUE, pretty = TRUE), file.path(here, "resampling.json"))
