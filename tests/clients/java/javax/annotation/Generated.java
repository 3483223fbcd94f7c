package javax.annotation;

/** Named in generated code; no longer part of the JDK. */
public @interface Generated {
    String[] value();
    String comments() default "";
    String date() default "";
}
