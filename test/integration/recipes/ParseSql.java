import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.calcite.avatica.util.Casing;
import org.apache.calcite.avatica.util.Quoting;
import org.apache.calcite.sql.SqlNode;
import org.apache.calcite.sql.parser.SqlParser;
import org.apache.calcite.sql.parser.SqlParser.Config;
import org.apache.flink.sql.parser.impl.FlinkSqlParserImpl;
import org.apache.flink.sql.parser.validate.FlinkSqlConformance;

/** Prints the kind of each statement of a file as Flink's parser reads it; ends with an error where it reads none. */
public final class ParseSql {
  public static void main(String[] files) throws Exception {
    Config config = SqlParser.config().withParserFactory(FlinkSqlParserImpl.FACTORY)
        .withConformance(FlinkSqlConformance.DEFAULT).withQuoting(Quoting.BACK_TICK).withIdentifierMaxLength(256)
        .withUnquotedCasing(Casing.UNCHANGED).withQuotedCasing(Casing.UNCHANGED);
    for (SqlNode statement : SqlParser.create(Files.readString(Path.of(files[0])), config).parseStmtList()) {
      System.out.println(statement.getKind());
    }
  }
}
