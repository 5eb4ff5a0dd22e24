# Writes pooling.json beside this script: meta-analyses by metafor. Run: Rscript pooling.R
suppressMessages({library(metafor); library(jsonlite)})

# Tight limits on metafor's iterations, so that its own stopping rule is not what is compared.
TIGHT <- list(threshold = 1e-13, maxiter = 100000, tol = 1e-13)

bcg <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
set.seed(20)
studies <- list(
  bcg = list(yi = as.numeric(bcg$yi), vi = as.numeric(bcg$vi)),
  two = list(yi = c(0.35, 1.10), vi = c(0.05, 0.08)),
  three_alike = list(yi = c(0.42, 0.45, 0.40), vi = c(0.04, 0.09, 0.02)),
  six = list(yi = c(0.10, 0.55, 0.32, 0.75, 0.91, -0.12), vi = c(0.04, 0.05, 0.03, 0.06, 0.11, 0.02)),
  equal_variances = list(yi = c(-1.2, 0.3, 0.9, 2.4, 1.1), vi = rep(0.25, 5)),
  percent_points = list(yi = c(52.1, 61.7, 38.4, 70.2, 45.5, 58.8, 66.0),
                        vi = c(12.3, 150.7, 4.9, 33.3, 8.1, 64.2, 900.5)),
  twenty = list(yi = round(rnorm(20, 0.5, 0.4), 6), vi = round(rchisq(20, 3) / 40, 6))
)

pooled <- function(s, method, test, level) {
  x <- rma(s$yi, s$vi, method = method, test = test, level = 100 * level, control = TIGHT)
  out <- list(estimate = x$b[1], std_error = x$se, ci_low = x$ci.lb, ci_high = x$ci.ub,
              p_value = x$pval, i2 = x$I2, q = x$QE, q_p_value = x$QEp, weights = as.numeric(weights(x)))
  if (method != "EE") {
    tau <- confint(x, control = list(tol = 1e-13, tau2.max = 1e6), verbose = FALSE)$random["tau^2", ]
    p <- predict(x)
    out <- c(out, list(tau2 = x$tau2, tau2_ci_low = tau[["ci.lb"]], tau2_ci_high = tau[["ci.ub"]],
                       prediction_low = p$pi.lb, prediction_high = p$pi.ub))
  }
  out
}

NAMES <- c(REML = "reml", PM = "pm", DL = "dl", EE = "common")
TESTS <- list(knha = TRUE, z = FALSE, adhoc = "adhoc")
cases <- list()
for (name in names(studies)) for (level in c(0.95, 0.9)) for (method in names(NAMES)) for (test in names(TESTS)) {
  if (method == "EE" && test != "z") next
  if (level == 0.9 && !(name %in% c("six", "bcg"))) next
  cases[[length(cases) + 1]] <- list(
    func = "pool", data = name, effects = studies[[name]]$yi, variances = studies[[name]]$vi,
    options = list(method = NAMES[[method]], knapp_hartung = TESTS[[test]], confidence_level = level),
    call = sprintf("rma(yi, vi, method='%s', test='%s', level=%g)", method, test, 100 * level),
    expected = pooled(studies[[name]], method, test, level))
}

one <- rma(0.4, 0.09, method = "REML")
cases[[length(cases) + 1]] <- list(
  func = "pool", data = "one", effects = list(0.4), variances = list(0.09),
  options = list(method = "reml", knapp_hartung = TRUE, confidence_level = 0.95),
  call = "rma(0.4, 0.09)",
  expected = list(estimate = one$b[1], std_error = one$se, ci_low = one$ci.lb, ci_high = one$ci.ub,
                  p_value = one$pval))

for (name in c("bcg", "six", "twenty")) {
  s <- studies[[name]]
  x <- leave1out(rma(s$yi, s$vi, test = "knha", control = TIGHT))
  cases[[length(cases) + 1]] <- list(
    func = "leave_one_out", data = name, effects = s$yi, variances = s$vi, options = list(method = "reml"),
    call = "leave1out(rma(yi, vi, test='knha'))",
    expected = list(estimate = x$estimate, std_error = x$se, ci_low = x$ci.lb, ci_high = x$ci.ub,
                    p_value = x$pval, tau2 = x$tau2, i2 = x$I2, q = x$Q, q_p_value = x$Qp))
}

for (name in c("bcg", "three_alike", "six", "percent_points", "twenty")) for (level in c(0.95, 0.9)) {
  s <- studies[[name]]
  r <- regtest(s$yi, s$vi, model = "lm", level = 100 * level)
  slope <- coef(summary(r$fit))[2, ]
  ci <- confint(r$fit, level = level)[2, ]
  cases[[length(cases) + 1]] <- list(
    func = "egger", data = name, effects = s$yi, variances = s$vi, options = list(confidence_level = level),
    call = sprintf("regtest(yi, vi, model='lm', level=%g)", 100 * level),
    expected = list(estimate = slope[[1]], std_error = slope[[2]], t = r$zval, p_value = r$pval, df = r$dfs,
                    ci_low = ci[[1]], ci_high = ci[[2]],
                    limit_estimate = r$est, limit_low = r$ci.lb, limit_high = r$ci.ub))
}

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) sprintf("@%.17g", v), classes = c("numeric", "integer"), how = "replace")
json <- toJSON(exact(list(
  generator = "tests/reference/pooling.R", r = R.version.string,
  packages = list(metafor = as.character(packageVersion("metafor"))), cases = cases)),
  auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "pooling.json")
