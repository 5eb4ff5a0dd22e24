# Reference values where patients do not differ: Rscript tests/reference/mixed_strata.R
# Writes mixed_strata.json beside this file. lmer says that the variance between patients is zero;
# the strata are then two models of base R: rows beside an effect of every patient, and patients'
# means weighted by their rows. A contrast of both takes Satterthwaite's df by hand. Heterogeneity
# of levels is lmerTest's contestMD of Helmert contrasts, orthonormal in the means of the levels.
suppressMessages({library(lme4); library(lmerTest); library(jsonlite)})
RNGkind("Mersenne-Twister", "Inversion", "Rejection")
tight <- lmerControl(optimizer = "bobyqa", check.conv.singular = "ignore",
                     optCtrl = list(rhobeg = 0.2, rhoend = 1e-12, maxfun = 1e5))

# Errors of a patient's rows are pulled together, so that patients differ less than by chance.
alike <- function(sizes) unlist(lapply(sizes, function(k) { e <- rnorm(k); e - 0.8 * mean(e) }))
make <- function(seed, sizes, visits_vary) {
  set.seed(seed)
  p <- rep(seq_along(sizes), sizes)
  side <- sequence(sizes) %% 2
  x <- if (visits_vary) round(rnorm(length(p)) + 0.5 * (p %% 3), 2) else side
  arm <- p %% 2
  data.frame(y = round(5 + x + 0.5 * arm + 2 * alike(sizes), 4), x = x, arm = arm, p = p)
}

strata <- function(d) {
  singular <- VarCorr(lmer(y ~ arm + x + (1 | p), d, control = tight))$p[1] < 1e-10
  n <- as.vector(table(d$p))
  within <- coef(summary(lm(y ~ factor(p) + x, d)))["x", ]
  df_w <- nrow(d) - length(n) - 1
  m <- aggregate(cbind(y, x, arm) ~ p, d, mean)
  free <- lm(y ~ arm + x, m, weights = n)               # lm leaves x out where its means agree
  df_b <- free$df.residual
  s2 <- sum(n * residuals(free)^2) / df_b
  A <- cbind(1, m$arm); inverse <- solve(t(A) %*% (n * A))
  b <- inverse %*% t(A) %*% (n * (m$y - within[1] * m$x))
  pull <- inverse %*% t(A) %*% (n * m$x)
  v_b <- s2 * diag(inverse); v_w <- (pull * within[2])^2
  list(estimate = c(b, within[1]), std_error = c(sqrt(v_b + v_w), within[2]),
       df = c((v_b + v_w)^2 / (v_b^2 / df_b + v_w^2 / df_w), df_w), singular = singular)
}

levels_of <- function(seed) {
  set.seed(seed)
  p <- rep(1:14, rep(c(1, 2, 4, 3), length.out = 14))
  level <- sample(c("a", "b", "c", "d"), length(p), TRUE, c(4, 2, 1, 2))
  d <- data.frame(y = round(rnorm(length(p)) + rnorm(14)[p] + (level == "b"), 4), level, p)
  m <- lmer(y ~ 0 + level + (1 | p), d, control = tight)
  q <- contr.helmert(4)
  found <- contestMD(m, t(q) / sqrt(colSums(q^2)))
  list(y = d$y, level = level, patient = p, f = found$`F value`, df_num = found$NumDF,
       df_den = found$DenDF, p_value = found$`Pr(>F)`)
}

cases <- list(balanced = make(3, rep(4, 10), FALSE), unequal = make(5, rep(c(2, 4, 6), 4), FALSE),
              both_ways = make(8, rep(c(2, 3, 4, 7), 3), TRUE))
out <- list(
  call = "lm(y ~ factor(p) + x); lm(mean ~ arm + x, weights = n); contestMD(lmer(y ~ 0 + level + (1 | p)))",
  r = R.version.string, packages = list(lme4 = as.character(packageVersion("lme4")),
                                        lmerTest = as.character(packageVersion("lmerTest"))),
  strata = lapply(cases, function(d) c(as.list(d), list(found = strata(d)))),
  heterogeneity = lapply(1:3, levels_of))
args <- commandArgs(FALSE); here <- dirname(sub("--file=", "", args[grep("--file=", args)]))
write_json(out, file.path(here, "mixed_strata.json"), digits = 17, auto_unbox = TRUE)
