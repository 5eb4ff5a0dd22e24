# Reference numbers for mn.stats.regress_effects: metafor::rma with moderators.
# Run from anywhere: Rscript tests/reference/meta_regression.R
suppressMessages({library(metafor); library(jsonlite)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))

TIGHT <- list(threshold = 1e-13, maxiter = 100000, tol = 1e-13)
bcg <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
set.seed(31)
studies <- list(
  latitude = list(yi = as.numeric(bcg$yi), vi = as.numeric(bcg$vi), mods = cbind(ablat = bcg$ablat)),
  latitude_year = list(yi = as.numeric(bcg$yi), vi = as.numeric(bcg$vi), mods = cbind(ablat = bcg$ablat, year = bcg$year)),
  sessions = list(yi = c(0.1, 0.5, 0.3, 0.8, 0.9, 0.6), vi = c(0.04, 0.05, 0.03, 0.06, 0.1, 0.02),
                  mods = cbind(sessions = c(1, 3, 2, 4, 6, 3))),
  no_scatter = list(yi = c(0.42, 0.45, 0.40, 0.47, 0.43), vi = c(0.04, 0.09, 0.02, 0.05, 0.03),
                    mods = cbind(depth = c(0.5, 1.5, 1, 2, 1.5))),
  points = list(yi = c(52.1, 61.7, 38.4, 70.2, 45.5, 58.8, 66.0), vi = c(12.3, 150.7, 4.9, 33.3, 8.1, 64.2, 900.5),
                mods = cbind(sessions = c(3, 4, 3, 5, 4, 2, 6))),
  twenty = list(yi = round(rnorm(20, 0.5, 0.4), 6), vi = round(rchisq(20, 3) / 40, 6),
                mods = cbind(a = round(runif(20), 4), b = rep(0:1, 10), c = round(rnorm(20, 1000, 5), 3)))
)
# rows of a matrix, each a list in the file even where it holds one number
rows <- function(x) lapply(seq_len(nrow(x)), function(i) I(as.numeric(x[i, ])))
cases <- list()
for (name in names(studies)) for (test in c("knha", "adhoc", "z")) for (level in c(0.95, 0.9)) {
  if (level == 0.9 && name != "latitude") next
  s <- studies[[name]]
  x <- rma(s$yi, s$vi, mods = s$mods, method = "REML", test = test, level = 100 * level, control = TIGHT)
  alone <- rma(s$yi, s$vi, method = "REML", control = TIGHT)
  new <- rbind(s$mods[1, ], colMeans(s$mods))
  p <- predict(x, newmods = new)
  m <- ncol(s$mods)
  cases[[length(cases) + 1]] <- list(
    data = name, call = sprintf("rma(yi, vi, mods=, method='REML', test='%s', level=%g)", test, 100 * level),
    effects = s$yi, variances = s$vi, moderators = rows(s$mods), names = I(colnames(s$mods)), new = rows(new),
    knapp_hartung = list(knha = TRUE, adhoc = "adhoc", z = FALSE)[[test]], confidence_level = level,
    expected = list(
      estimates = as.numeric(x$b), std_errors = x$se, ci_low = x$ci.lb, ci_high = x$ci.ub, p_values = x$pval,
      tau2 = x$tau2, tau2_total = alone$tau2, i2 = x$I2, q = x$QE, q_p_value = x$QEp,
      f = if (test == "z") x$QM / m else x$QM, f_p_value = x$QMp, covariance = rows(x$vb)),
    r2 = if (is.null(x$R2) || is.na(x$R2)) "none" else x$R2,
    predicted = list(estimate = p$pred, std_error = p$se, ci_low = p$ci.lb, ci_high = p$ci.ub,
                     prediction_low = p$pi.lb, prediction_high = p$pi.ub))
}
exact <- function(x) {
  if (is.list(x)) return(lapply(x, exact))
  if (!is.numeric(x)) return(x)
  marked <- sprintf("@%.17g", x)
  if (inherits(x, "AsIs")) I(marked) else marked
}
json <- toJSON(exact(list(
  generator = "tests/reference/meta_regression.R", r = R.version.string,
  packages = list(metafor = as.character(packageVersion("metafor"))), cases = cases)), auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), file.path(here, "meta_regression.json"))
