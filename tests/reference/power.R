# Chance that the 95 percent interval of a split-face trial lies beyond a margin, by simulation with
# lmerTest (Satterthwaite df): the witness of mnstudy.power for a mixed model. Two sides of each of
# n patients, correlation 0.5, standard deviation 15, true difference 10, margin 5.
suppressMessages({library(lmerTest); library(jsonlite)})
set.seed(20261129)
runs <- 4000
one <- function(n, sd = 15, r = 0.5, effect = 10, margin = 5) {
  patient <- factor(rep(seq_len(n), each = 2)); side <- rep(c(0, 1), n)
  y <- effect * side + sqrt(r) * sd * rnorm(n)[as.integer(patient)] + sqrt(1 - r) * sd * rnorm(2 * n)
  fit <- suppressMessages(lmer(y ~ side + (1 | patient)))
  found <- coef(summary(fit))["side", ]
  half <- qt(0.975, found["df"]) * found["Std. Error"]
  c(low = unname(found["Estimate"] - half), width = unname(2 * half))
}
beyond <- function(n) {
  all <- replicate(runs, one(n))
  list(n = n, beyond = mean(all["low", ] >= 5), width = median(all["width", ]), runs = runs)
}
write_json(list(call = "lmer(y ~ side + (1 | patient)), Satterthwaite df",
                versions = list(R = R.version.string, lmerTest = as.character(packageVersion("lmerTest"))),
                found = lapply(c(40, 73), beyond)),
           "power.json", digits = 10, auto_unbox = TRUE, pretty = TRUE)
