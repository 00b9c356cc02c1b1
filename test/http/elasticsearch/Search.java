/* Search.java: starts an Elasticsearch node within this process, with settings from the command line as name=value. */
import java.util.Map;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;

class Search
{
	public static void main(String[] arguments) throws Exception
	{
		Settings.Builder settings = Settings.builder();

		LogConfigurator.configureESLogging();
		for (String argument : arguments)
			settings.put(argument.substring(0, argument.indexOf('=')), argument.substring(argument.indexOf('=') + 1));
		new Node(InternalSettingsPreparer.prepareEnvironment(settings.build(), Map.of(), null, () -> "connkit")).start();
		Thread.currentThread().join();
	}
}
